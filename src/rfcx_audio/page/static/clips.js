// Sounds and pictures of clips, fetched before they are shown.

import { loadPicture } from "./picture.js";
import { decodeWav } from "./sound.js";

export class Loaded {
  constructor() {
    this.sounds = new Map();
    this.pictures = new Map();
  }

  sound(clip) {
    return remembered(this.sounds, clip, () => loadSound(clip));
  }

  picture(clip, view) {
    return remembered(this.pictures, `${clip} ${view}`, () => loadPicture(clip, view));
  }

  async clip(clip, view) {
    const [sound, picture] = await Promise.all([this.sound(clip), this.picture(clip, view)]);
    return { sound, picture };
  }

  // Fetches these, and forgets all others, so that a long day does not fill the memory.
  keep(clips, view) {
    const kept = new Set(clips);
    for (const clip of clips) this.clip(clip, view).catch(() => {}); // shown when its turn comes
    for (const clip of this.sounds.keys()) if (!kept.has(clip)) this.sounds.delete(clip);
    for (const key of this.pictures.keys()) {
      if (!kept.has(Number(key.split(" ")[0]))) this.pictures.delete(key);
    }
  }
}

function remembered(map, key, make) {
  if (!map.has(key)) {
    const made = make();
    made.catch(() => map.delete(key)); // it is asked for again
    map.set(key, made);
  }
  return map.get(key);
}

async function loadSound(clip) {
  const answer = await fetch(`/clips/${clip}/sound`);
  if (!answer.ok) throw new Error((await answer.json()).reason);
  const start = Number(answer.headers.get("X-Start"));
  return { ...decodeWav(await answer.arrayBuffer()), start };
}
