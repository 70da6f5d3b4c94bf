/** The files of one endpoint, as its `staging` reads and writes them. */

import type { Channel } from '../channel/channel.js';
import { OrbitError } from '../channel/errors.js';
import { bytes } from '../text/format.js';
import { inRoute, nameOf } from '../text/paths.js';
import type { StagingListing } from '../wire/types.js';
import { pluginOn } from './plugin.js';

/** Bytes of a file that a preview has. */
export const PREVIEW = 64 * 1024;
/** Bytes of a file that may come or go in a call, where this page can't reach the bridge by HTTP. */
export const MOST_IN = 32 * 1024 * 1024;
export const MOST_OUT = 180 * 1024;

export interface Preview {
  /** Null: it isn't text. */
  text: string | null;
  whole: boolean;
}

export class RemoteFiles {
  constructor(
    readonly channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {}

  list(path: string, signal?: AbortSignal): Promise<StagingListing> {
    return this.access.post<StagingListing>('list/{sid}', { path }, signal ? { signal } : {});
  }

  async makeFolder(path: string): Promise<void> {
    await this.access.call('PUT', `folders/${inRoute(path)}`);
  }

  /** Return where a file can be got and put; null where this page can't reach it. */
  url(path: string): string | null {
    const { http } = this.channel;
    const plugin = `${encodeURIComponent(this.endpoint)}/${encodeURIComponent(this.plugin)}`;
    return http && `${http.base}${plugin}/files/${inRoute(path)}`;
  }

  /** Have the browser save a file. */
  async download(path: string, size: number | null): Promise<void> {
    const url = this.url(path);
    if (!url) {
      const blob = new Blob([await this.content(path, size)]);
      const made = URL.createObjectURL(blob);
      save(made, nameOf(path));
      setTimeout(() => URL.revokeObjectURL(made), 60_000);
      return;
    }
    // The browser says of a download only that it has failed; why is asked for before.
    const head = await fetch(url, { method: 'HEAD' }).catch(() => null);
    if (head?.ok === false) {
      throw await this.refusal(url, head.status);
    }
    save(url, nameOf(path));
  }

  async preview(path: string, size: number | null, signal: AbortSignal): Promise<Preview> {
    const whole = (size ?? 0) <= PREVIEW;
    if (size === 0) {
      return { text: '', whole };
    }
    const url = this.url(path);
    if (!url) {
      return { text: textOf((await this.content(path, size)).slice(0, PREVIEW), whole), whole };
    }
    const answer = await fetch(url, { headers: { range: `bytes=0-${PREVIEW - 1}` }, signal });
    if (answer.status === 416) {
      return { text: '', whole: true }; // it has become empty
    }
    if (!answer.ok) {
      throw OrbitError.fromBody(answer.status, await answer.json().catch(() => undefined));
    }
    return { text: textOf(new Uint8Array(await answer.arrayBuffer()), whole), whole };
  }

  private get access() {
    return pluginOn(this.channel, this.endpoint, this.plugin);
  }

  private async content(path: string, size: number | null): Promise<Uint8Array<ArrayBuffer>> {
    if ((size ?? 0) > MOST_IN) {
      const most = bytes(MOST_IN);
      throw new OrbitError(`through the kernel files of at most ${most} come here`, 'too-large', 413);
    }
    const { content } = await this.access.post<{ content: string }>(
      'get/{sid}',
      { filename: path },
      { seconds: 300 },
    );
    return Uint8Array.from(atob(content), sign => sign.charCodeAt(0));
  }

  private async refusal(url: string, status: number): Promise<OrbitError> {
    const answer = await fetch(url, { headers: { range: 'bytes=0-0' } }).catch(() => null);
    const body: unknown = answer?.ok === false ? await answer.json().catch(() => undefined) : undefined;
    return OrbitError.fromBody(status, body);
  }
}

function save(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** Return what the bytes say, or null where they are no text. */
function textOf(data: Uint8Array, whole: boolean): string | null {
  if (data.includes(0)) {
    return null;
  }
  try {
    // A sign that is cut in two at the end is no mistake.
    return new TextDecoder('utf-8', { fatal: true }).decode(data, { stream: !whole });
  } catch {
    return null;
  }
}
