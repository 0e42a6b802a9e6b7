// The page: one clip after the other, or many of one species; all by keys.

import { Box } from "./box.js";
import { Loaded } from "./clips.js";
import { askName, askNote, askSpecies } from "./dialogs.js";
import { Grid } from "./grid.js";
import { Plot } from "./picture.js";
import { Outbox, ask, uniqueId } from "./saving.js";
import { bindSettings } from "./settings.js";
import { Player } from "./sound.js";

const byId = (id) => document.getElementById(id);
const PAST = { present: "confirmed", absent: "rejected", unsure: "unsure", skipped: "skipped" };
const NAME = "rfcx_audio_reviewer";

const app = {
  reviewer: "",
  species: [],
  view: "fine",
  mode: "single",
  current: null, // the clip that is shown; null while there is none
  shown: null, // its sound and picture; null until they are there
  upcoming: [],
  history: [], // what undo takes back, of this page
  last: null, // the same of an earlier page, from the server
  note: "",
  loaded: new Loaded(),
  player: new Player(),
  plot: new Plot(byId("picture"), byId("over")),
  showProgress,
  announce,
  sendPage,
  redraw,
  verdict,
  undo,
  editNote,
  chooseOther,
  setMode,
  togglePlay,
};
app.box = new Box(app.plot, byId("stage"), () => drawOver());
app.outbox = new Outbox({ kept, refused, changed: showSaved });
app.grid = new Grid(app);

function announce(text) {
  byId("status").textContent = text;
}

function showSaved(unsent, reason) {
  const text = reason ? `NOT SAVED: ${unsent} (${reason})` : unsent ? "saving…" : "saved";
  byId("saved").textContent = text;
  byId("saved").classList.toggle("bad", reason !== "");
}

function showProgress(progress) {
  const { total, answered, mine, skipped, passed_over: passed, species } = progress;
  byId("bar").max = total;
  byId("bar").value = answered + passed;
  const more = passed ? `, ${passed} passed over` : "";
  byId("count").textContent = `${answered} of ${total}${more}`;
  byId("progressText").textContent =
    `${answered} of ${total} clips are answered, ${mine} of them by you; ` +
    `you skipped ${skipped}; ${passed} are passed over, for one of their place is confirmed.`;
  const rows = Object.entries(species).map(([name, [done, of]]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const cell = document.createElement("td");
    cell.textContent = `${done} of ${of}`;
    row.append(head, cell);
    return row;
  });
  byId("bySpecies").replaceChildren(...rows);
}

// The server has kept something: how far the queue is, and what comes next.
function kept({ upcoming, progress, last }) {
  showProgress(progress);
  app.last = app.outbox.unsent.length ? null : last;
  const unsent = app.outbox.unsent.flatMap(({ content }) => content.verdicts ?? []);
  const taken = new Set(unsent.map((one) => one.clip));
  if (app.current) taken.add(app.current.clip);
  app.upcoming = upcoming.filter((one) => !taken.has(one.clip));
  if (app.mode === "many") {
    if (!app.outbox.unsent.length) app.grid.open();
  } else if (app.current) fetchNext();
  else advance();
}

function refused(reason) {
  announce(reason);
  if (app.mode === "many") app.grid.open();
}

function fetchNext() {
  const next = [app.current, ...app.upcoming].filter(Boolean).map((one) => one.clip);
  app.loaded.keep(next, app.view);
}

function advance(begun) {
  const next = app.upcoming.shift();
  if (next) show(next, { begun });
  else {
    app.current = app.shown = null;
    app.player.stop();
    byId("stage").classList.add("empty");
    const done = !app.outbox.unsent.length;
    byId("species").textContent = done ? "All clips are answered" : "…";
    byId("about").textContent = done
      ? "End the command with Ctrl-C. Given again with another queue.seed=… or queue=…, it draws more."
      : "";
    drawOver();
    document.body.dataset.shown = done ? "done" : "";
  }
}

async function show(clip, { box = null, note = "", begun } = {}) {
  Object.assign(app, { current: clip, shown: null, note });
  app.player.stop();
  const original = [clip.t_min, clip.t_max, clip.f_min, clip.f_max];
  app.box.set(box ?? original, original);
  describe(clip);
  fetchNext();
  try {
    const shown = await app.loaded.clip(clip.clip, app.view);
    if (app.current !== clip) return; // it was answered meanwhile
    app.shown = shown;
    redraw();
    app.player.play(shown.sound);
    byId("stage").classList.remove("empty");
  } catch (error) {
    if (app.current !== clip) return;
    app.plot.picture = null;
    byId("stage").classList.add("empty");
    announce(`This clip cannot be shown: ${error.message}. S skips it.`);
  }
  document.body.dataset.shown = clip.clip;
  timeFrom(begun);
}

// How long it took from a key to the next clip on the screen, for those who measure it.
function timeFrom(begun) {
  if (begun === undefined) return;
  const measured = () => performance.measure("next clip", { start: begun, end: performance.now() });
  requestAnimationFrame(() => setTimeout(measured)); // after what was drawn is painted
}

function describe(clip) {
  byId("species").textContent = clip.species;
  const score = clip.score === null ? "" : `score ${clip.score.toFixed(3)}`;
  const times = `${clip.t_min.toFixed(2)} to ${clip.t_max.toFixed(2)} s`;
  const parts = [score, clip.recording_id, times, clip.clock, clip.site && `site ${clip.site}`];
  if (app.note) parts.push(`note: ${app.note}`);
  byId("about").textContent = parts.filter(Boolean).join(" · ");
}

function redraw() {
  if (app.mode === "many") app.grid.cells.forEach((cell) => app.grid.draw(cell));
  else if (app.shown) {
    app.plot.draw(app.shown.picture);
    drawOver();
  }
}

function drawOver() {
  if (!app.shown) return;
  const position = app.player.position();
  const at = position === null ? null : app.shown.sound.start + position;
  app.plot.drawOver(app.box.box, at);
  document.body.dataset.line = at ?? "";
  const [left, right, low, high] = app.box.box;
  const hertz = low === null ? "" : `, ${(low / 1000).toFixed(2)} to ${(high / 1000).toFixed(2)} kHz`;
  byId("stage").ariaLabel =
    `Spectrogram; the box is from ${left.toFixed(2)} to ${right.toFixed(2)} s${hertz}`;
}

function verdict(answer, other = null) {
  if (!app.current) return;
  if (!app.shown && answer !== "skipped") return announce("Nothing is shown yet; S skips it.");
  const begun = performance.now();
  const { current: clip, note } = app;
  const box = app.shown && answer !== "skipped" ? app.box.moved : null;
  const request = uniqueId();
  app.history.push({ clips: [clip], requests: [request], box: [...app.box.box], note });
  app.last = null;
  const line = { clip: clip.clip, answer, request, other_species: other, box, note };
  app.outbox.push("/api/verdicts", { reviewer: app.reviewer, verdicts: [line] });
  announce(`${clip.species}: ${PAST[answer] ?? `no, but ${other}`}`);
  advance(begun);
}

function sendPage(clips, verdicts) {
  app.history.push({ clips, requests: verdicts.map((one) => one.request) });
  app.outbox.push("/api/verdicts", { reviewer: app.reviewer, verdicts });
  const right = verdicts.filter((one) => one.answer === "present").length;
  announce(`${right} of ${verdicts.length} confirmed`);
}

function undo() {
  const entry = app.history.pop() ?? app.last;
  if (!entry?.requests.length) return announce("There is nothing to undo.");
  app.last = null;
  app.outbox.push("/api/undo", { reviewer: app.reviewer, requests: entry.requests });
  const [first, ...others] = entry.clips;
  announce(`Undone: ${first.species}${others.length ? ` and ${others.length} more` : ""}`);
  if (app.mode === "many") return;
  app.upcoming = [...others, app.current, ...app.upcoming].filter(Boolean);
  show(first, { box: entry.box, note: entry.note });
}

async function chooseOther() {
  if (!app.shown) return announce("Nothing is shown yet; S skips it.");
  const clip = app.current;
  const name = await askSpecies(app.species.filter((one) => one !== clip.species));
  if (name === null || app.current !== clip) return;
  if (!app.species.includes(name)) app.species = [...app.species, name].sort();
  verdict("other", name);
}

async function editNote() {
  if (!app.current) return;
  app.note = await askNote(app.note);
  describe(app.current);
}

async function togglePlay() {
  await app.player.wake();
  if (app.player.playing) app.player.stop();
  else app.player.play(app.shown?.sound);
}

async function setMode(mode) {
  app.mode = mode;
  app.player.stop();
  byId("single").hidden = mode === "many";
  byId("many").hidden = mode !== "many";
  byId("mode").lastChild.textContent = mode === "many" ? " one at a time" : " many at once";
  if (mode === "many") {
    byId("about").textContent = "All clips of the page are confirmed, but those that you mark.";
    const species = app.current?.species ?? byId("gridSpecies").value;
    Object.assign(app, { current: null, shown: null, upcoming: [] });
    byId("species").textContent = "Many at once";
    await app.grid.open(species);
  } else {
    app.grid.cells = [];
    kept(await ask(`/api/state?${new URLSearchParams({ reviewer: app.reviewer })}`));
    byId("stage").focus();
  }
}

async function begin() {
  const { pathname, search } = location;
  if (search) history.replaceState(null, "", pathname); // the token is a cookie now
  const about = await ask("/api/start");
  app.species = about.species;
  app.view = about.views[0];
  bindSettings(app, about);
  app.reviewer = about.reviewer || localStorage.getItem(NAME) || (await askName(""));
  await setReviewer(app.reviewer);
  byId("who").onclick = async () => setReviewer(await askName(app.reviewer));
  requestAnimationFrame(tick);
}

async function setReviewer(name) {
  if (name !== app.reviewer) app.history = [];
  app.reviewer = name;
  localStorage.setItem(NAME, name);
  byId("who").textContent = `reviewer: ${name}`;
  Object.assign(app, { current: null, shown: null, upcoming: [] });
  await setMode(app.mode);
}

function tick() {
  if (app.mode === "many") app.grid.tick(app.player.position());
  else if (app.player.playing || document.body.dataset.line) drawOver();
  requestAnimationFrame(tick);
}

begin().catch((error) => announce(`The page cannot begin: ${error.message}`));
