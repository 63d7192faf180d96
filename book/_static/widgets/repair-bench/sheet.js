// The sheet that the reader damages: by mouse, pen or finger, or by a cursor that the arrow keys move.

const BRUSH = 2; // pixels wide and high: about as broad as the pen was
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Sheet {
  // `paint(pixels)` is told which pixels the brush touched, `finish()` when a stroke ends, and
  // `move(row, column)` where the cursor went.
  constructor(canvas, cursor, side, { paint, finish, move }) {
    Object.assign(this, { canvas, cursor, side, paint, finish, move });
    this.row = this.column = Math.floor(side / 2) - 1;
    this.isPressed = false; // the space bar: held down, it paints along with the arrow keys
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.lift());
    canvas.addEventListener("keydown", (event) => this.keyDown(event));
    canvas.addEventListener("keyup", (event) => event.key === " " && this.lift());
    canvas.addEventListener("blur", () => this.lift());
    this.placeCursor();
  }

  press(event) {
    if (event.button !== 0 || !event.isPrimary) return; // a second finger does not draw
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.positionOf(event);
    this.touch(this.last);
  }

  // A fast pointer skips pixels: paint all on the straight way from the last one.
  drag(event) {
    if (!this.last || !event.isPrimary) return;
    const [from, to] = [this.last, this.positionOf(event)];
    const steps = Math.max(Math.abs(to.row - from.row), Math.abs(to.column - from.column));
    const between = (a, b, step) => Math.round(a + ((b - a) * step) / steps);
    const way = Array.from({ length: steps }, (_, step) => ({
      row: between(from.row, to.row, step + 1),
      column: between(from.column, to.column, step + 1),
    }));
    this.touch(...way);
    this.last = to;
  }

  lift() {
    const hasPainted = this.last || this.isPressed;
    this.last = undefined;
    this.isPressed = false;
    if (hasPainted) this.finish();
  }

  keyDown(event) {
    if (event.key === " ") {
      event.preventDefault();
      this.isPressed = true;
      this.touch(this);
    } else if (event.key in MOVES) {
      event.preventDefault();
      const [down, right] = MOVES[event.key];
      this.row = this.within(this.row + down);
      this.column = this.within(this.column + right);
      this.placeCursor();
      if (this.isPressed) this.touch(this);
      else this.move(this.row, this.column);
    }
  }

  // The brush's upper left pixel, for a pointer in its middle.
  positionOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const pixel = (offset, length) => Math.round((offset / length) * this.side - BRUSH / 2);
    return {
      row: this.within(pixel(event.clientY - box.top, box.height)),
      column: this.within(pixel(event.clientX - box.left, box.width)),
    };
  }

  within(position) {
    return Math.min(Math.max(position, 0), this.side - BRUSH);
  }

  touch(...places) {
    const pixels = new Set();
    for (const { row, column } of places) {
      for (let down = 0; down < BRUSH; down++) {
        for (let right = 0; right < BRUSH; right++) pixels.add((row + down) * this.side + column + right);
      }
    }
    if (pixels.size) this.paint(pixels);
  }

  placeCursor() {
    const percent = (pixels) => `${(100 * pixels) / this.side}%`;
    Object.assign(this.cursor.style, {
      top: percent(this.row),
      left: percent(this.column),
      width: percent(BRUSH),
      height: percent(BRUSH),
    });
  }
}
