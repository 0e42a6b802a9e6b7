// What is asked for in words: the reviewer's name, another species, a note.

const SHOWN_NAMES = 8;
const byId = (id) => document.getElementById(id);

export function anyOpen() {
  return document.querySelector("dialog[open]") !== null;
}

export function askName(name) {
  const [dialog, field] = [byId("nameDialog"), byId("name")];
  field.value = name;
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(field.value.trim() || name || "reviewer");
  });
}

export function askNote(note) {
  const [dialog, field] = [byId("noteDialog"), byId("note")];
  field.value = note;
  dialog.returnValue = "";
  field.onkeydown = (event) => {
    if (event.key === "Enter" && event.ctrlKey) dialog.close("kept");
  };
  dialog.querySelector("button").value = "kept";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "kept" ? field.value.trim() : note);
  });
}

// The name of a species, or null. Names that begin with what is typed come first, then those
// with a word that does, then those that contain it; a new name is the last line.
export function askSpecies(names) {
  const [dialog, field, list] = [byId("otherDialog"), byId("other"), byId("names")];
  let chosen = 0;
  let answer = null;
  let found = [];

  function draw() {
    const typed = field.value.trim();
    found = matching(names, typed).map((name) => ({ name, label: name }));
    if (typed && !names.some((name) => name.toLowerCase() === typed.toLowerCase())) {
      found.push({ name: typed, label: `new name: ${typed}` });
    }
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    list.replaceChildren(
      ...found.map(({ label }, place) => {
        const line = document.createElement("li");
        line.id = `name${place}`;
        line.role = "option";
        line.ariaSelected = String(place === chosen);
        line.textContent = label;
        line.onclick = () => take(place);
        return line;
      }),
    );
    field.setAttribute("aria-activedescendant", found.length ? `name${chosen}` : "");
  }

  function take(place) {
    if (!found[place]) return;
    answer = found[place].name;
    dialog.close();
  }

  field.value = "";
  field.oninput = () => {
    chosen = 0;
    draw();
  };
  field.onkeydown = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      chosen += by;
      draw();
    } else if (event.key === "Enter") take(chosen);
    else return;
    event.preventDefault();
  };
  draw();
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(answer);
  });
}

export function matching(names, typed) {
  const wanted = typed.toLowerCase();
  const rank = (name) => {
    const lower = name.toLowerCase();
    if (lower.startsWith(wanted)) return 0;
    if (lower.split(/[\s_-]+/).some((word) => word.startsWith(wanted))) return 1;
    return lower.includes(wanted) ? 2 : 3;
  };
  const ranked = names.map((name) => [rank(name), name]).filter(([place]) => place < 3);
  return ranked
    .sort((a, b) => a[0] - b[0])
    .slice(0, SHOWN_NAMES)
    .map(([, name]) => name);
}
