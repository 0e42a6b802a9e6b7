// What is sent to the server: one request after the other, each until the server has kept it.

const SHORTEST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 3000;
const TOGETHER = 8; // verdicts; their notes stay below the limit of a request
const REFUSED = [413, 422];

export async function ask(path) {
  const answer = await fetch(path);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.reason);
  return content;
}

export function uniqueId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // not over http from another machine
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  // `kept(answer)`, `refused(reason)` and `changed(unsent, reason)` are called as things go.
  constructor({ kept, refused, changed }) {
    Object.assign(this, { kept, refused, changed, unsent: [], busy: false });
    addEventListener("beforeunload", (event) => {
      if (this.unsent.length) event.preventDefault();
    });
  }

  push(path, content) {
    this.unsent.push({ path, content });
    this.changed(this.unsent.length, "");
    if (!this.busy) this.send();
  }

  async send() {
    this.busy = true;
    let wait = SHORTEST_WAIT_MS;
    let most = TOGETHER;
    while (this.unsent.length) {
      const together = this.together(most);
      const { status, content } = await post(together);
      if (status === 200) {
        this.unsent.splice(0, together.length);
        [wait, most] = [SHORTEST_WAIT_MS, TOGETHER];
        this.changed(this.unsent.length, "");
        this.kept(content);
      } else if (REFUSED.includes(status) && together.length > 1) {
        most = 1; // to know which of them breaks a rule
      } else if (REFUSED.includes(status)) {
        this.unsent.shift(); // it would again
        this.changed(this.unsent.length, "");
        this.refused(`Not kept: ${content.reason}`);
      } else {
        this.changed(this.unsent.length, content.reason);
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(LONGEST_WAIT_MS, 2 * wait);
      }
    }
    this.busy = false;
  }

  // The first request, with the verdicts that follow it: they are written at once.
  together(most) {
    const [first] = this.unsent;
    if (!first.content.verdicts) return [first];
    const found = [];
    let number = 0;
    for (const one of this.unsent.slice(0, most)) {
      number += one.content.verdicts?.length ?? Infinity;
      if (found.length && number > TOGETHER) break;
      found.push(one);
    }
    return found;
  }
}

async function post(together) {
  const [{ path, content }] = together;
  const verdicts = together.flatMap((one) => one.content.verdicts ?? []);
  const body = JSON.stringify(verdicts.length ? { ...content, verdicts } : content);
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body });
    return { status: answer.status, content: await answer.json() };
  } catch {
    const reason = "the server does not answer; start the command again";
    return { status: 0, content: { reason } };
  }
}
