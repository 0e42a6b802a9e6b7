// Many clips of one species: all are confirmed but those that are marked.

import { Plot } from "./picture.js";
import { ask, uniqueId } from "./saving.js";

const COLUMNS = { 12: 4, 24: 6, 48: 8 };
const NEXT = { ArrowLeft: -1, ArrowRight: 1 };
const WORDS = { absent: "wrong", unsure: "unsure", skipped: "unreadable", present: "right" };
const byId = (id) => document.getElementById(id);

export class Grid {
  // `app`: the reviewer, the view, the loaded clips, the player, the outbox and what to call.
  constructor(app) {
    Object.assign(this, { app, cells: [], at: 0, asked: 0 });
    for (const id of ["gridSpecies", "gridSize"]) {
      byId(id).onchange = () => this.open();
    }
    new ResizeObserver(() => this.cells.forEach((cell) => this.draw(cell))).observe(byId("cells"));
  }

  async open(species) {
    if (species) byId("gridSpecies").value = species;
    const asked = ++this.asked;
    const words = new URLSearchParams({
      reviewer: this.app.reviewer,
      species: byId("gridSpecies").value,
      size: byId("gridSize").value,
    });
    const { clips, progress } = await ask(`/api/grid?${words}`);
    if (asked !== this.asked) return; // another page was asked for since
    this.app.showProgress(progress);
    this.app.player.stop();
    this.fill(clips);
  }

  fill(clips) {
    const size = byId("gridSize").value;
    byId("cells").style.setProperty("--columns", COLUMNS[size]);
    byId("cells").style.setProperty("--rows", size / COLUMNS[size]);
    this.cells = clips.map((clip, place) => this.cell(clip, place));
    byId("cells").replaceChildren(...this.cells.map((cell) => cell.button));
    this.at = 0;
    this.app.loaded.keep(clips.map((one) => one.clip), this.app.view);
    this.count();
    if (clips.length) this.cells[0].button.focus();
    else byId("cells").textContent = `No clip of ${byId("gridSpecies").value} is left for you.`;
  }

  cell(clip, place) {
    const button = document.createElement("button");
    const [under, over, text] = ["canvas", "canvas", "span"].map((name) =>
      button.appendChild(document.createElement(name)),
    );
    const cell = { clip, button, text, mark: "present", picture: null, plot: null };
    button.type = "button";
    button.className = "cell";
    cell.plot = new Plot(under, over, false);
    button.onclick = () => this.mark(cell, "absent");
    button.onpointerenter = () => (this.at = place);
    button.onfocus = () => (this.at = place);
    this.app.loaded.clip(clip.clip, this.app.view).then(
      ({ picture }) => {
        cell.picture = picture;
        this.draw(cell);
        this.count();
      },
      (error) => {
        cell.mark = "skipped";
        cell.reason = error.message;
        this.draw(cell);
        this.count();
      },
    );
    this.draw(cell);
    return cell;
  }

  draw(cell, position = null) {
    const { clip, picture, plot, mark } = cell;
    cell.button.dataset.mark = mark;
    cell.button.setAttribute("aria-pressed", String(mark !== "present"));
    const score = clip.score === null ? "" : `${clip.score.toFixed(2)} · `;
    const word = mark === "present" ? "" : `${WORDS[mark].toUpperCase()} · `;
    cell.text.textContent = `${word}${score}${cell.reason ?? clip.recording_id}`;
    cell.button.ariaLabel = `${clip.recording_id} at ${clip.t_min.toFixed(1)} s, ${WORDS[mark]}`;
    if (!picture || !cell.button.isConnected) return;
    plot.brightness = this.app.plot.brightness;
    plot.contrast = this.app.plot.contrast;
    plot.range = this.app.plot.range;
    if (position === null) plot.draw(picture);
    const box = [clip.t_min, clip.t_max, clip.f_min, clip.f_max];
    plot.drawOver(box, position, mark === "present" ? "" : mark);
  }

  mark(cell, mark) {
    if (cell.mark === "skipped") return;
    cell.mark = cell.mark === mark ? "present" : mark;
    this.draw(cell);
    this.count();
  }

  count() {
    const ready = this.cells.every((cell) => cell.picture || cell.mark === "skipped");
    const right = this.cells.filter((cell) => cell.mark === "present").length;
    const button = byId("sendGrid");
    button.disabled = !ready || !this.cells.length;
    button.lastChild.textContent = ready ? ` confirm ${right} of ${this.cells.length}` : " loading";
  }

  key(event) {
    const cell = this.cells[this.at];
    const columns = COLUMNS[byId("gridSize").value];
    const by = NEXT[event.key] ?? { ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (by && cell) {
      this.at = Math.min(this.cells.length - 1, Math.max(0, this.at + by));
      this.cells[this.at].button.focus();
    } else if (event.key === " " && cell) this.mark(cell, "absent");
    else if (event.key === "u" && cell) this.mark(cell, "unsure");
    else if (event.key === "Enter" && cell) this.play(cell);
    else if (event.key === "y") this.send();
    else return false;
    return true;
  }

  async play(cell) {
    const { player } = this.app;
    if (player.playing && this.playing === cell) return player.stop();
    this.playing = cell;
    await player.wake();
    player.play(await this.app.loaded.sound(cell.clip.clip));
  }

  // The playing line, once a picture of the screen.
  tick(position) {
    const cell = this.playing;
    if (!cell?.picture || !cell.button.isConnected) return;
    this.draw(cell, position === null ? null : cell.picture.t_min + position);
  }

  send() {
    if (byId("sendGrid").disabled) return this.app.announce("the clips are still loading");
    const page = uniqueId();
    const verdicts = this.cells.map(({ clip, mark }) => ({
      clip: clip.clip,
      answer: mark,
      request: `${page}:${clip.clip}`,
    }));
    const clips = this.cells.map((cell) => cell.clip);
    this.app.sendPage(clips, verdicts);
    byId("sendGrid").disabled = true;
    this.cells = [];
  }
}
