/** One file on its way to an endpoint: looked for there, checked, sent, and resumed where the connection is lost. */

import { blake2b } from '@noble/hashes/blake2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

import { asOrbitError, OrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import { put } from '../channel/put.js';
import { bytes } from '../text/format.js';
import { inRoute, parentOf } from '../text/paths.js';
import type { StagingDigest, StagingPart } from '../wire/types.js';
import { pluginOn } from './plugin.js';
import { MOST_OUT, type RemoteFiles } from './remote-files.js';

export type UploadState = 'QUEUED' | 'CHECKING' | 'ACTIVE' | 'WAITING' | 'EXISTS' | 'DONE' | 'FAILED' | 'CANCELED';

/** Bytes from which on an upload can be resumed; the digest of less isn't worth its time. */
export const RESUMABLE = 8 * 1024 * 1024;
/** Bytes that are read at once: between two pieces the page draws. */
const PIECE = 512 * 1024;
/** Milliseconds to the next try, and without a byte after which there is none. */
const PAUSES = [1000, 2000, 5000, 10_000];
const PATIENCE = 300_000;
/** Milliseconds that a rate is of. */
const LATELY = 5000;

export class Upload {
  state: UploadState = 'QUEUED';
  /** Bytes that are there, or that are checked. */
  done = 0;
  message = '';
  overwrite = false;

  private stopping = new AbortController();
  private digest = '';
  private moved: { at: number; bytes: number }[] = [];
  private moving = 0;

  constructor(
    readonly id: string,
    readonly file: File,
    readonly path: string,
    private remote: RemoteFiles,
    private changed: () => void,
  ) {}

  /** Bytes a second; null where nothing moves. */
  get rate(): number | null {
    const [first, last] = [this.moved[0], this.moved.at(-1)];
    if (this.state !== 'ACTIVE' || !first || !last || last.at - first.at < 300) {
      return null;
    }
    return (1000 * (last.bytes - first.bytes)) / (last.at - first.at);
  }

  get isOver(): boolean {
    return this.state === 'DONE' || this.state === 'FAILED' || this.state === 'CANCELED';
  }

  cancel(): void {
    this.stopping.abort();
    if (!this.isOver) {
      this.turn('CANCELED', '');
    }
  }

  /** Begin anew what has failed, or overwrite what is there. */
  again(overwrite: boolean): void {
    this.overwrite ||= overwrite;
    this.stopping = new AbortController();
    this.turn('QUEUED', '');
  }

  /** Send it; how it ends is in `state`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    try {
      await this.send(signal);
      this.done = this.file.size;
      this.turn('DONE', '');
    } catch (thrown) {
      const error = asOrbitError(thrown);
      if (signal.aborted) {
        return;
      }
      if (error.status === 409 && !error.transient) {
        this.turn('EXISTS', 'a file of that name is there');
      } else {
        this.turn('FAILED', wordsFor(error));
      }
    }
  }

  private async send(signal: AbortSignal): Promise<void> {
    this.turn('CHECKING', '');
    if (!this.overwrite && (await this.isThere(signal))) {
      throw new OrbitError('it exists', 'conflict', 409);
    }
    const { http } = this.remote.channel;
    if (!http) {
      return this.sendInCall(signal);
    }
    if (this.file.size >= RESUMABLE) {
      this.digest ||= await this.hashed(signal);
    }
    this.moving = Date.now();
    for (let attempt = 0; ; attempt += 1) {
      const before = this.moving;
      try {
        await this.sendOnce(http.headers(), signal);
        return;
      } catch (thrown) {
        const error = asOrbitError(thrown);
        if (error.status === 409 && attempt > 0 && (await this.isSame(signal))) {
          return; // it had been finished, and only the answer was lost
        }
        if (signal.aborted || !error.transient || Date.now() - this.moving > PATIENCE) {
          throw error;
        }
        if (this.moving !== before) {
          attempt = 0; // something has moved: it is patient again
        }
        this.turn('WAITING', `${error.message}; it goes on by itself`);
        await pause(PAUSES[Math.min(attempt, PAUSES.length - 1)]!, signal);
      }
    }
  }

  private async sendOnce(access: Record<string, string>, signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = {
      ...access,
      'content-type': 'application/octet-stream',
      'x-orbit-size': String(this.file.size),
    };
    if (this.file.lastModified) {
      headers['x-orbit-mtime'] = `${this.file.lastModified}000000`;
    }
    let offset = 0;
    if (this.digest) {
      headers['x-orbit-digest'] = this.digest;
      offset = Math.min(this.file.size, await this.there(signal));
    }
    if (offset) {
      headers['x-orbit-offset'] = String(offset);
    }
    this.done = offset;
    this.moved = [];
    this.turn('ACTIVE', '');
    await put({
      url: `${this.remote.url(this.path)!}${this.overwrite ? '?overwrite=true' : ''}`,
      headers,
      body: this.file.slice(offset),
      sent: sent => this.at(offset + sent),
      signal,
    });
  }

  private at(done: number): void {
    const now = Date.now();
    if (done > this.done) {
      this.moving = now;
    }
    this.done = Math.min(done, this.file.size);
    this.moved.push({ at: now, bytes: this.done });
    while (this.moved.length > 2 && now - this.moved[0]!.at > LATELY) {
      this.moved.shift();
    }
    this.changed();
  }

  /** How much of it an upload before has left there. */
  private async there(signal: AbortSignal): Promise<number> {
    const { channel, endpoint, plugin } = this.remote;
    const access = pluginOn(channel, endpoint, plugin);
    const part = `part/${inRoute(this.path)}`;
    const { offset } = await access.get<StagingPart>(part, { query: { digest: this.digest }, signal });
    return offset;
  }

  /** Asked before a byte is sent: an answer amid the body may be lost with the connection. */
  private async isThere(signal: AbortSignal): Promise<boolean> {
    try {
      const { entries } = await this.remote.list(parentOf(this.path) ?? '/', signal);
      return entries.some(entry => entry.name === this.file.name);
    } catch (thrown) {
      if (asOrbitError(thrown).status === 404) {
        return false; // its folder will be made
      }
      throw thrown;
    }
  }

  /** Whether what is there is what was to be sent. */
  private async isSame(signal: AbortSignal): Promise<boolean> {
    const { channel, endpoint, plugin } = this.remote;
    const access = pluginOn(channel, endpoint, plugin);
    const { digest } = await access.get<StagingDigest>(`digest/${inRoute(this.path)}`, { signal, seconds: 300 });
    return digest === (this.digest || (await this.hashed(signal)));
  }

  private async hashed(signal: AbortSignal): Promise<string> {
    // Browsers have no BLAKE2b of their own.
    const hash = blake2b.create();
    for (let at = 0; at < this.file.size; at += PIECE) {
      const piece = await this.file.slice(at, at + PIECE).arrayBuffer();
      signal.throwIfAborted();
      hash.update(new Uint8Array(piece));
      this.done = Math.min(at + PIECE, this.file.size);
      this.changed();
    }
    return `blake2b=${bytesToHex(hash.digest())}`;
  }

  private async sendInCall(signal: AbortSignal): Promise<void> {
    if (this.file.size > MOST_OUT) {
      const text = `through the kernel files of at most ${bytes(MOST_OUT)} can be sent; take hpc.staging.upload`;
      throw new OrbitError(text, 'too-large', 413);
    }
    this.turn('ACTIVE', '');
    const { channel, endpoint, plugin } = this.remote;
    const content = base64(new Uint8Array(await this.file.arrayBuffer()));
    const body = { filename: this.path, content, overwrite: this.overwrite };
    await pluginOn(channel, endpoint, plugin).post('put/{sid}', body, { signal, key: newKey() });
  }

  private turn(state: UploadState, message: string): void {
    this.state = state;
    this.message = message;
    this.changed();
  }
}

/** Say what is wrong with a file or folder and what can be done. */
export function wordsFor(error: OrbitError): string {
  const limit = error.data['limit'];
  const more: Record<number, string> = {
    400: 'Only folders that the endpoint’s operator allows can be used.',
    401: 'Log in again.',
    403: 'The user of the endpoint may not; take another folder, or ask whoever owns it.',
    404: 'It may have been removed or renamed: refresh the folder above.',
    409: 'It has changed meanwhile, or the name is taken: refresh, or take another name.',
    412: 'Try again: it begins anew.',
    413: typeof limit === 'number' ? `At most ${bytes(limit)}: split it, or ask the operator.` : 'Split it.',
    422: 'Has it changed while it was sent? Choose it again.',
    507: 'Make room there, or take another file system.',
  };
  const next = more[error.status];
  const said = error.message.replace(/[.\s]+$/, '');
  return next ? `${said}. ${next}` : said;
}

function base64(data: Uint8Array): string {
  let text = '';
  for (let at = 0; at < data.length; at += 0x8000) {
    text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(new OrbitError('cancelled', 'cancelled', 499));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
