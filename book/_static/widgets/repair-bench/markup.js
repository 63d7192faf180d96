// The bench's parts, as HTML.

const figure = (name, title) =>
  `<figure class="bench-${name}"><canvas class="digit" role="img" aria-label="${title}"></canvas>
   <figcaption>${title} <span></span></figcaption></figure>`;

const choices = (name, labels) =>
  labels
    .map((label, index) => {
      const checked = index === 0 ? "checked" : "";
      return `<label><input type="radio" name="bench-${name}" value="${index}" ${checked}>${label}</label>`;
    })
    .join("");

export const markup = (brushes, damages) => `
  <p class="bench-hint">Pick a digit, damage it with the brush or a button, and press <b>Repair</b>.</p>
  <fieldset class="bench-digits"><legend>Digit</legend></fieldset>
  <div class="bench-tools">
    <fieldset class="bench-brushes"><legend>Brush</legend>${choices("brush", brushes)}</fieldset>
    <div class="bench-damages" role="group" aria-label="Damage">
      ${damages.map((name) => `<button type="button">${name}</button>`).join("")}
      <button type="button" class="bench-reset">Undo all</button>
    </div>
  </div>
  <div class="bench-stage">
    <figure class="bench-damaged">
      <div class="bench-sheet">
        <canvas class="digit" tabindex="0" role="application" aria-label="Sheet with the damaged digit"
          aria-describedby="bench-keys"></canvas>
        <div class="bench-cursor"></div>
      </div>
      <figcaption>Damaged <span></span></figcaption>
    </figure>
    ${figure("rebuilt", "Reconstruction")}
    ${figure("mask", "Outlier probability")}
    ${figure("repaired", "Repair")}
    ${figure("truth", "Truth")}
  </div>
  <p class="bench-keys" id="bench-keys">Keyboard: on the sheet, the arrow keys move the brush and the space
    bar paints; held down, it paints along.</p>
  <div class="bench-run">
    <button type="button" class="bench-repair">Repair</button>
    <button type="button" class="bench-play">Play</button>
    <label>Step <input type="range" min="0" value="0"></label>
    <span class="bench-step"></span>
  </div>
  <div class="bench-errors">
    <svg preserveAspectRatio="none" aria-hidden="true"></svg>
    <p>Error of the <b class="repaired">repair</b> after each step, against the
      <b class="rebuilt">plain reconstruction</b> and the <b class="damaged">damaged image</b></p>
  </div>
  <p class="bench-status" role="status"></p>
  <p class="bench-place" aria-live="polite"></p>`;
