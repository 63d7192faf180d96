// The steps of a repair as a film: it plays while they are still being computed, stops, and goes back.

const MILLISECONDS = 40; // for each step: about four seconds in all

export class Player {
  // `show(frame)` draws one; `finish()` is called when the last frame is shown for the first time.
  constructor({ slider, button, label }, { show, finish }) {
    Object.assign(this, { slider, button, label, show, finish });
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    button.addEventListener("click", () => (this.isPlaying ? this.pause() : this.play()));
    slider.addEventListener("input", () => {
      this.pause();
      this.goTo(Math.min(slider.valueAsNumber, this.frames.length - 1));
    });
    this.clear();
  }

  get last() {
    return Number(this.slider.max);
  }

  clear() {
    this.frames = [];
    this.shown = -1;
    this.isFinished = false;
    this.slider.value = 0;
    this.slider.disabled = this.button.disabled = true;
    this.label.textContent = "";
    this.pause();
  }

  add(frame) {
    this.frames.push(frame);
    this.slider.disabled = this.button.disabled = false;
    const isLast = this.frames.length > this.last;
    if (this.isCalm.matches && isLast) this.goTo(this.last); // the answer, without the film
    else if (!this.isCalm.matches && this.frames.length === 1) this.play();
  }

  play() {
    if (this.shown === this.last) this.goTo(0);
    this.isPlaying = true;
    this.button.textContent = "Pause";
    let due = performance.now();
    const tick = (now) => {
      if (!this.isPlaying) return;
      if (now >= due && this.shown + 1 < this.frames.length) {
        this.goTo(this.shown + 1);
        due = now + MILLISECONDS - ((now - due) % MILLISECONDS);
      }
      if (this.shown === this.last) this.pause();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  pause() {
    this.isPlaying = false;
    this.button.textContent = "Play";
  }

  goTo(step) {
    this.shown = step;
    this.slider.value = step;
    this.label.textContent = `${step} of ${this.last}`;
    this.show(this.frames[step]);
    if (step === this.last && !this.isFinished) {
      this.isFinished = true;
      this.finish();
    }
  }
}
