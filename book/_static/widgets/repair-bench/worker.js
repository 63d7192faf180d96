// Reads the model and repairs images, away from the page's own thread, so that the page stays quick.
//
// It sends the model once. Then it is sent images, and answers each with a frame after every step. A new
// image, or null, ends the work on the one before.

import { loadModel } from "./model.js";
import { repair } from "./repair.js";

const ready = loadModel();
ready.then((model) => postMessage({ model }));
let latest;

onmessage = async ({ data }) => {
  latest = data;
  if (!data.image) return;
  for (const frame of repair(await ready, data.image)) {
    postMessage({ order: data.order, ...frame });
    await new Promise((resume) => setTimeout(resume)); // let newer messages in
    if (latest !== data) return;
  }
};
