// The ELBO playground of chapter 3: one latent z, one observation x, and a Gaussian q in the reader's hand.

import { measure } from "./bound.js";
import { createBars } from "./bars.js";
import { climb } from "./climb.js";
import { createCurves, fixedCurves } from "./curves.js";
import { MODELS } from "./model.js";
import { number } from "./svg.js";
import { describe } from "./words.js";

const X2 = 0.1; // the second feature of the chapter's x; the first one is a slider
const START = { mean: -0.5, logVar: -1 };
const START_X1 = 1.6;
const RANGES = { mean: [-3, 3], logVar: [-4, 2], x1: [-3, 3] };
const FRAME = 50; // milliseconds between the frames of a climb
const QUIET = 400; // of no change, before the status is read out

const LIVE = `
  <p class="how">Move <i>q</i> by the sliders, or drag the dot on its peak: across for the mean, up and down for
    the width. Then let it climb.</p>
  <div class="choices">
    <fieldset>
      <legend>Decoder</legend>
      <label><input type="radio" name="elbo-model" value="straight" checked> straight</label>
      <label><input type="radio" name="elbo-model" value="bent"> bent</label>
    </fieldset>
    <div class="actions">
      <button type="button" class="climb">Climb the ELBO</button>
      <button type="button" class="reset">Reset</button>
    </div>
  </div>
  <div class="place-curves"></div>
  <div class="sliders">
    ${slider("mean", "mean of <i>q</i>")}
    ${slider("logVar", "log variance of <i>q</i>")}
    ${slider("x1", "observation <i>x</i><sub>1</sub>")}
  </div>
  <div class="place-bars"></div>
  <dl class="identities">
    <div><dt>reconstruction − KL(<i>q</i> ‖ prior) = ELBO</dt><dd class="two-terms"></dd></div>
    <div><dt>ELBO + KL(<i>q</i> ‖ posterior) = log <i>p</i>(<i>x</i>)</dt><dd class="identity"></dd></div>
    <div><dt>left minus right, before rounding</dt><dd class="residual"></dd></div>
  </dl>
  <p role="status"></p>`;

function slider(name, label) {
  const [low, high] = RANGES[name];
  return `<div><label for="elbo-${name}">${label}</label><output for="elbo-${name}"></output>
    <input id="elbo-${name}" type="range" min="${low}" max="${high}" step="0.05"></div>`;
}

const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);

function start(box) {
  const live = document.createElement("div");
  live.className = "live";
  live.innerHTML = LIVE;
  const find = (selector) => live.querySelector(selector);

  let name = "straight";
  let x1 = START_X1;
  let q = START;
  let path = []; // where the last climb came along
  let steps = null; // how many it took, once it has arrived
  let fixed, posterior; // what depends on x and the model, not on q
  let parts;
  let width; // of the drawings, in pixels
  let climbing = null; // the timer of a climb that is under way
  let announcement;

  const observation = () => [x1, X2];
  const curves = createCurves((dragged) => (dragged ? moveQ(round(dragged)) : draw()));
  const bars = createBars();
  find(".place-curves").append(curves.element);
  find(".place-bars").append(bars.element);

  function observe() {
    const model = MODELS[name];
    posterior = model.posterior(model, observation());
    fixed = fixedCurves(model, observation(), posterior);
  }

  function draw() {
    parts = measure(MODELS[name], observation(), posterior, q);
    curves.draw(width, fixed, q, path);
    curves.element.setAttribute("aria-label", describeCurves());
    bars.draw(width, parts);
    for (const [key, value] of Object.entries({ ...q, x1 })) {
      const input = find(`#elbo-${key}`);
      input.value = value;
      input.setAttribute("aria-valuetext", number(value, 2));
      input.previousElementSibling.textContent = number(value, 2);
    }
    find(".two-terms").textContent =
      `${number(parts.reconstruction)} − ${number(parts.klToPrior)} = ${number(parts.elbo)}`;
    find(".identity").textContent =
      `${number(parts.elbo)} + ${number(parts.klToPosterior)} = ${number(parts.logEvidence)}`;
    find(".residual").textContent = parts.residual === 0 ? "0" : parts.residual.toExponential(0).replace(/-/g, "−");
    clearTimeout(announcement);
    if (!climbing) announcement = setTimeout(announce, QUIET);
  }

  function announce() {
    find("[role=status]").textContent = describe(name, posterior, q, parts, steps);
  }

  function describeCurves() {
    const peaks = posterior.peaks.map((peak) => number(peak, 2)).join(" and ");
    return `Curves over z. The posterior peaks at ${peaks}; q at ${number(q.mean, 2)} with standard deviation ${number(Math.exp(q.logVar / 2), 2)}.`;
  }

  const round = ({ mean, logVar }) => ({ mean: Math.round(100 * mean) / 100, logVar: Math.round(100 * logVar) / 100 });

  function moveQ(to) {
    forgetClimb();
    q = { mean: clamp(to.mean, RANGES.mean), logVar: clamp(to.logVar, RANGES.logVar) };
    draw();
  }

  function forgetClimb() {
    clearTimeout(climbing);
    climbing = null;
    path = [];
    steps = null;
    find(".climb").textContent = "Climb the ELBO";
  }

  // Shows the first steps one by one and later ones in growing handfuls, since they become short.
  function startClimb() {
    const way = [...climb(MODELS[name], observation(), q)];
    const from = q;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let done = 0;
    find(".climb").textContent = "Stop";
    find("[role=status]").textContent = "Climbing.";
    const frame = () => {
      done = still ? way.length : Math.min(way.length, done + Math.ceil((done + 1) / 15));
      path = [from, ...way.slice(0, done)];
      q = path.at(-1);
      if (done < way.length) {
        climbing = setTimeout(frame, FRAME);
      } else {
        climbing = null;
        steps = way.length;
        find(".climb").textContent = "Climb the ELBO";
      }
      draw();
    };
    frame();
  }

  live.addEventListener("input", ({ target }) => {
    if (target.id === "elbo-mean") return moveQ({ ...q, mean: target.valueAsNumber });
    if (target.id === "elbo-logVar") return moveQ({ ...q, logVar: target.valueAsNumber });
    if (target.type === "radio") name = target.value;
    else x1 = target.valueAsNumber;
    observe();
    moveQ(q);
  });
  find(".climb").addEventListener("click", () => {
    const stop = climbing;
    forgetClimb();
    if (stop) draw();
    else startClimb();
  });
  find(".reset").addEventListener("click", () => {
    x1 = START_X1;
    observe();
    moveQ(START);
  });

  observe();
  box.append(live);
  box.classList.add("is-live");
  width = live.clientWidth;
  draw();
  announce();
  new ResizeObserver(() => {
    if (live.clientWidth === width || live.clientWidth === 0) return; // the latter when hidden, as on paper
    width = live.clientWidth;
    draw();
  }).observe(live);
  box.widget = {
    get state() {
      return { name, x: observation(), q, parts, steps, climbing: climbing !== null };
    },
  };
}

// Nothing happens before the reader comes near.
const box = document.getElementById("elbo-playground");
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("style.css", import.meta.url);
  style.onload = () => start(box);
  document.head.append(style);
}, { rootMargin: "600px" }).observe(box);
