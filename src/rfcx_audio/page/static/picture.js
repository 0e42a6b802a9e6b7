// Spectrograms: grey levels from the server, coloured and stretched here.

// matplotlib's viridis, which colour-blind people see as others do, at 32 places
const VIRIDIS =
  "440154470d6048186a482374472e7c4538824241863e4a893a548c365d8d32658e2e6d8e2b758e287d8e25848e228c8d" +
  "1f948c1e9c8920a38625ab822eb37c3aba7648c16e58c7656ccd5a7fd34e93d741a8db34c0df25d5e21aeae51afde725";
const MARGIN = { left: 46, right: 8, top: 6, bottom: 34 }; // CSS pixels, for the axes
const TICKS = [1, 2, 5, 3, 7, 1.5, 4, 6, 8, 9]; // of a decade; the first are the rounder ones

const COLOURS = (() => {
  const points = VIRIDIS.match(/../g).map((one) => parseInt(one, 16));
  const table = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const place = (level / 255) * 31;
    const left = Math.min(30, Math.floor(place));
    let colour = 0xff000000;
    for (let part = 0; part < 3; part++) {
      const [from, to] = [points[3 * left + part], points[3 * left + 3 + part]];
      colour |= Math.round(from + (place - left) * (to - from)) << (8 * part);
    }
    table[level] = colour >>> 0;
  }
  return table;
})();

export async function loadPicture(clip, view) {
  const answer = await fetch(`/clips/${clip}/picture?view=${view}`);
  if (!answer.ok) throw new Error((await answer.json()).reason);
  const about = JSON.parse(answer.headers.get("X-Picture"));
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = context.getImageData(0, 0, width, height).data;
  const levels = new Uint8Array(width * height);
  for (let at = 0; at < levels.length; at++) levels[at] = pixels[4 * at];
  return { ...about, width, height, levels, canvas, colouredBy: null };
}

// Colours between two levels, which brightness and contrast (-100 to 100) move.
function coloured(picture, brightness, contrast) {
  const key = `${brightness} ${contrast}`;
  if (picture.colouredBy === key) return picture.canvas;
  const span = (picture.high - picture.low) * 2 ** (-contrast / 50);
  const middle = (picture.high + picture.low) / 2 - brightness * 1.2;
  const table = COLOURS.map((_, level) => {
    const share = (level - middle) / span + 0.5;
    return COLOURS[Math.round(255 * Math.min(1, Math.max(0, share)))];
  });
  const image = new ImageData(picture.width, picture.height);
  const pixels = new Uint32Array(image.data.buffer);
  const { levels } = picture;
  for (let at = 0; at < levels.length; at++) pixels[at] = table[levels[at]];
  picture.canvas.getContext("2d").putImageData(image, 0, 0);
  picture.colouredBy = key;
  return picture.canvas;
}

export class Plot {
  // Two canvases, one over the other: the spectrogram with its axes; box and playing line.
  constructor(under, over, withAxes = true) {
    Object.assign(this, { under, over, withAxes, picture: null, range: null });
    Object.assign(this, { brightness: 0, contrast: 0 });
  }

  get margin() {
    return this.withAxes ? MARGIN : { left: 0, right: 0, top: 0, bottom: 0 };
  }

  // Frequencies that are shown, Hz.
  get shown() {
    const { f_min: low, f_max: high } = this.picture;
    if (!this.range) return [low, high];
    const bottom = Math.min(Math.max(low, this.range[0]), high * 0.98);
    return [bottom, Math.max(Math.min(high, this.range[1]), bottom * 1.02)];
  }

  fit() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.under.getBoundingClientRect();
    for (const canvas of [this.under, this.over]) {
      const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    const { left, right, top, bottom } = this.margin;
    this.area = { x: left, y: top, w: box.width - left - right, h: box.height - top - bottom };
  }

  x(seconds) {
    const { t_min: first, t_max: last } = this.picture;
    return this.area.x + ((seconds - first) / (last - first)) * this.area.w;
  }

  y(hertz) {
    const [low, high] = this.shown;
    const share = Math.log(Math.max(hertz, 1) / low) / Math.log(high / low);
    return this.area.y + (1 - share) * this.area.h;
  }

  seconds(x) {
    const { t_min: first, t_max: last } = this.picture;
    return first + ((x - this.area.x) / this.area.w) * (last - first);
  }

  hertz(y) {
    const [low, high] = this.shown;
    return low * (high / low) ** (1 - (y - this.area.y) / this.area.h);
  }

  draw(picture) {
    this.picture = picture;
    this.fit();
    const context = this.under.getContext("2d");
    context.clearRect(0, 0, this.under.width, this.under.height);
    const canvas = coloured(picture, this.brightness, this.contrast);
    const [low, high] = this.shown;
    const whole = Math.log(picture.f_max / picture.f_min);
    const top = (Math.log(picture.f_max / high) / whole) * picture.height;
    const bottom = (Math.log(picture.f_max / low) / whole) * picture.height;
    context.imageSmoothingEnabled = picture.smooth;
    const { x, y, w, h } = this.area;
    context.drawImage(canvas, 0, top, picture.width, bottom - top, x, y, w, h);
    if (this.withAxes) this.drawAxes(context);
  }

  drawAxes(context) {
    const { x, y, w, h } = this.area;
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = context.strokeStyle = "#d8dee4";
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const [hertz, place] of this.frequencies()) {
      context.fillText(`${+(hertz / 1000).toPrecision(3)}`, x - 7, place);
      context.fillRect(x - 4, place - 0.5, 4, 1);
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    const { t_min: first, t_max: last } = this.picture;
    const step = roundStep(((last - first) / w) * 70);
    for (let at = Math.ceil(first / step) * step; at <= last; at += step) {
      context.fillText(`${+at.toFixed(3)}`, Math.min(this.x(at), x + w - 12), y + h + 6);
      context.fillRect(this.x(at) - 0.5, y + h, 1, 4);
    }
    context.fillText("time in the recording (s)", x + w / 2, y + h + 20);
    context.save();
    context.translate(1, y + h / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("kHz", 0, 0);
    context.restore();
  }

  // Round frequencies with their places, as many as there is room for.
  frequencies() {
    const [low, high] = this.shown;
    const found = [];
    for (const factor of TICKS) {
      for (let decade = 10; decade < high; decade *= 10) {
        const place = this.y(factor * decade);
        const inside = factor * decade >= low * 0.999 && factor * decade <= high * 1.001;
        if (inside && found.every(([, other]) => Math.abs(other - place) >= 20)) {
          found.push([factor * decade, place]);
        }
      }
    }
    return found;
  }

  drawOver(box, position, mark = "") {
    const context = this.over.getContext("2d");
    context.clearRect(0, 0, this.over.width, this.over.height);
    if (!this.picture) return;
    const { x, y, w, h } = this.area;
    context.save();
    context.beginPath();
    context.rect(x, y, w, h);
    context.clip();
    const left = this.x(box[0]);
    const right = this.x(box[1]);
    const top = box[3] === null ? y + 1.5 : this.y(box[3]);
    const bottom = box[2] === null ? y + h - 1.5 : this.y(box[2]);
    for (const [width, colour] of [[4, "#000000"], [2, "#ffffff"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.strokeRect(left, top, right - left, bottom - top);
    }
    if (mark) crossed(context, mark, x, y, w, h);
    if (position !== null) {
      const line = this.x(position);
      context.fillStyle = "#000000";
      context.fillRect(line - 2, y, 4, h);
      context.fillStyle = "#ff9d2e";
      context.fillRect(line - 1, y, 2, h);
    }
    context.restore();
  }
}

// A cross for a clip that is wrong, a diagonal for an unsure one: no colour is needed to see it.
function crossed(context, mark, x, y, w, h) {
  context.fillStyle = "rgb(0 0 0 / 45%)";
  context.fillRect(x, y, w, h);
  for (const [width, colour] of [[7, "#000000"], [3, "#ffffff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(x, y + h);
    context.lineTo(x + w, y);
    if (mark === "absent") {
      context.moveTo(x, y);
      context.lineTo(x + w, y + h);
    }
    context.stroke();
  }
}

function roundStep(least) {
  const decade = 10 ** Math.floor(Math.log10(least));
  return decade * [1, 2, 5, 10].find((one) => one * decade >= least);
}
