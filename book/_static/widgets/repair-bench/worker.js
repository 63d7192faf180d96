// Repairs images away from the page's own thread, so that the page stays quick.
//
// It is sent the model once, then images; it answers each with a frame after every step. A new image, or
// null, ends the work on the one before.

import { repair } from "./repair.js";

let model;
let latest;

onmessage = async ({ data }) => {
  if (data.model) model = data.model;
  latest = data;
  if (!data.image) return;
  for (const frame of repair(model, data.image)) {
    postMessage({ order: data.order, ...frame });
    await new Promise((resume) => setTimeout(resume)); // let newer messages in
    if (latest !== data) return;
  }
};
