// The candidate's box: moved and stretched by keys and by the mouse.

const STEP_S = 0.01; // of what is shown
const STEP_OCTAVES = 1 / 12;
const GRIP = 7; // CSS pixels on either side of a side

export class Box {
  constructor(plot, element, changed) {
    Object.assign(this, { plot, changed, box: null, original: null });
    this.followMouse(element);
  }

  set(box, original) {
    this.box = [...box];
    this.original = original;
  }

  // The box of a verdict: null, unless it was changed.
  get moved() {
    const same = this.box.every((value, at) => value === this.original[at]);
    return same ? null : this.box;
  }

  reset() {
    this.box = [...this.original];
    this.changed();
  }

  // An arrow: moves the box, or with `stretch` its right or upper side.
  key(name, stretch) {
    const { t_min: first, t_max: last } = this.plot.picture;
    const step = STEP_S * (last - first);
    let [left, right, low, high] = this.box;
    if (name === "ArrowLeft" || name === "ArrowRight") {
      const by = name === "ArrowLeft" ? -step : step;
      if (!stretch) left += by;
      right += by;
    } else {
      const [bottom, top] = this.plot.shown;
      const factor = 2 ** (name === "ArrowUp" ? STEP_OCTAVES : -STEP_OCTAVES);
      low = low ?? bottom;
      high = (high ?? top) * factor;
      if (!stretch) low *= factor;
    }
    this.put([left, right, low, high]);
  }

  // Keeps the box within the picture; one that would have no area stays as it was.
  put([left, right, low, high]) {
    const { t_min: first, t_max: last, f_max: most } = this.plot.picture;
    const width = right - left;
    if (left < first) [left, right] = [Math.max(0, first), Math.max(0, first) + width];
    if (right > last) [left, right] = [Math.max(first, last - width), last];
    if (high !== null) high = Math.min(high, most);
    if (width < 0.005 || (low !== null && high / low < 1.02)) return;
    const round = (value, digits) => (value === null ? null : +value.toFixed(digits));
    this.box = [round(Math.max(0, left), 3), round(right, 3), round(low, 1), round(high, 1)];
    this.changed();
  }

  followMouse(element) {
    let drag = null;
    element.addEventListener("pointerdown", (event) => {
      if (!this.plot.picture || !this.box || event.button !== 0) return;
      const [x, y] = [event.offsetX, event.offsetY];
      drag = { x, y, box: [...this.box], grip: this.grip(x, y) };
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      const [x, y] = [event.offsetX, event.offsetY];
      if (drag) this.drag(drag, x, y);
      else if (this.plot.picture && this.box) element.style.cursor = CURSORS[this.grip(x, y)];
    });
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, () => (drag = null));
    }
  }

  // Sides of the box on screen; without frequencies it is as high as the picture.
  sides() {
    const { plot } = this;
    const { y, h } = plot.area;
    const [left, right, low, high] = this.box;
    const top = high === null ? y : plot.y(high);
    return [plot.x(left), plot.x(right), low === null ? y + h : plot.y(low), top];
  }

  grip(x, y) {
    const [left, right, bottom, top] = this.sides();
    const across = x > left - GRIP && x < right + GRIP;
    const along = y > top - GRIP && y < bottom + GRIP;
    if (along && Math.abs(x - right) < GRIP) return "right";
    if (along && Math.abs(x - left) < GRIP) return "left";
    if (across && Math.abs(y - top) < GRIP) return "top";
    if (across && Math.abs(y - bottom) < GRIP) return "bottom";
    return across && along ? "inside" : "new";
  }

  drag({ x: x0, y: y0, box, grip }, x, y) {
    const { plot } = this;
    const by = plot.seconds(x) - plot.seconds(x0);
    const factor = plot.hertz(y) / plot.hertz(y0);
    let [left, right, low, high] = box;
    if (grip === "new") {
      if (Math.hypot(x - x0, y - y0) < 6) return; // a click
      [left, right] = [plot.seconds(x0), plot.seconds(x)].sort((a, b) => a - b);
      [low, high] = [plot.hertz(y0), plot.hertz(y)].sort((a, b) => a - b);
    } else if (grip === "left") left += by;
    else if (grip === "right") right += by;
    else if (grip === "top" || grip === "bottom") {
      const [bottom, top] = plot.shown;
      low = (low ?? bottom) * (grip === "bottom" ? factor : 1);
      high = (high ?? top) * (grip === "top" ? factor : 1);
    } else {
      [left, right] = [left + by, right + by];
      if (low !== null) [low, high] = [low * factor, high * factor];
    }
    this.put([left, right, low, high]);
  }
}

const CURSORS = {
  left: "ew-resize",
  right: "ew-resize",
  top: "ns-resize",
  bottom: "ns-resize",
  inside: "move",
  new: "crosshair",
};
