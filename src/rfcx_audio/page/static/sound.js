// Sound at the recording's own rate: slowed down, calls above 24 kHz come down to where ears are.

const RATES = [8000, 96000]; // that every browser takes for a buffer

export function decodeWav(bytes) {
  const view = new DataView(bytes);
  const rate = view.getUint32(24, true);
  let at = 12;
  while (view.getUint32(at, false) !== 0x64617461) at += 8 + view.getUint32(at + 4, true); // "data"
  const samples = new Int16Array(bytes, at + 8, view.getUint32(at + 4, true) / 2);
  return { rate, samples: Float32Array.from(samples, (one) => one / 32768) };
}

export class Player {
  constructor() {
    this.context = new AudioContext();
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    Object.assign(this, { source: null, sound: null, speed: 1, loop: true, from: 0, begun: 0 });
  }

  get playing() {
    return this.source !== null;
  }

  setVolume(decibel) {
    this.gain.gain.value = 10 ** (decibel / 20);
  }

  // Browsers play nothing before the first key or click.
  async wake() {
    if (this.context.state !== "running") await this.context.resume();
  }

  play(sound) {
    this.stop();
    if (!sound) return;
    const { rate, samples } = sound;
    const kept = Math.min(Math.max(rate, RATES[0]), RATES[1]);
    const buffer = this.context.createBuffer(1, samples.length, kept);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.loop = this.loop;
    source.playbackRate.value = (this.speed * rate) / kept;
    source.connect(this.gain);
    source.onended = () => {
      if (this.source === source) this.source = null;
    };
    source.start();
    Object.assign(this, { source, sound, from: 0, begun: this.context.currentTime });
  }

  stop() {
    if (this.source) {
      const source = this.source;
      this.source = null;
      source.stop();
    }
  }

  setLoop(loop) {
    this.loop = loop;
    if (this.source) this.source.loop = loop;
  }

  setSpeed(speed) {
    const at = this.position();
    this.speed = speed;
    if (!this.source) return;
    const { rate } = this.sound;
    this.source.playbackRate.value = (speed * rate) / this.source.buffer.sampleRate;
    this.from = at;
    this.begun = this.context.currentTime;
  }

  // Seconds of the recording since the beginning of the sound; null while nothing plays.
  position() {
    if (!this.source) return null;
    const duration = this.sound.samples.length / this.sound.rate;
    return (this.from + (this.context.currentTime - this.begun) * this.speed) % duration;
  }
}
