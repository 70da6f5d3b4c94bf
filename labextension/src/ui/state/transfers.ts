/** Files on their way: those that this page sends, which go on while no view shows them, and what the endpoint tells. */

import type { Channel } from '../channel/channel.js';
import { joined } from '../text/paths.js';
import type { StagingTransfer, StagingTransfers } from '../wire/types.js';
import { whenBack } from './back.js';
import { Users } from './followed.js';
import { pluginOn } from './plugin.js';
import { RemoteFiles } from './remote-files.js';
import { oneForPlugin } from './shared.js';
import { Upload } from './upload.js';
import { Value, type Unwatch } from '../value.js';

/** Uploads at once: a browser has six connections to one server. */
const AT_ONCE = 2;
const KEPT = 100;

export class Transfers {
  /** Counts changes. */
  readonly changed = new Value(0);
  /** What this page sends, the oldest first. */
  readonly uploads: Upload[] = [];
  /** What the endpoint tells of, by id, the oldest first. */
  readonly remote = new Map<string, StagingTransfer>();

  private files: RemoteFiles;
  private last = 0;
  private users = new Users(() => this.begin());

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {
    this.files = new RemoteFiles(channel, endpoint, plugin);
  }

  /** Keep what the endpoint tells up to date until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  /** Send files into a folder. */
  add(files: readonly File[], folder: string): void {
    for (const file of files) {
      const path = joined(folder, file.name);
      const id = String(++this.last);
      this.uploads.push(new Upload(id, file, path, this.files, () => this.tell()));
    }
    this.next();
  }

  again(upload: Upload, overwrite: boolean): void {
    upload.again(overwrite);
    this.next();
  }

  /** Forget what has ended. */
  tidy(): void {
    const left = this.uploads.filter(upload => !upload.isOver);
    this.uploads.splice(0, this.uploads.length, ...left);
    this.tell();
  }

  private begin(): Unwatch[] {
    const mine = { endpoint: this.endpoint, plugin: this.plugin, topic: 'transfer' };
    const read = () => void this.read();
    const told = (data: Record<string, unknown>) => this.take(data as unknown as StagingTransfer);
    const endings = [
      this.channel.subscribe(mine, event => told(event.data), read),
      whenBack(this.channel, this.endpoint, read),
    ];
    read();
    return endings;
  }

  private next(): void {
    this.tell();
    const under = this.uploads.filter(({ state }) => ['CHECKING', 'ACTIVE', 'WAITING'].includes(state)).length;
    const waiting = this.uploads.filter(({ state }) => state === 'QUEUED').slice(0, Math.max(0, AT_ONCE - under));
    for (const upload of waiting) {
      void upload.run().finally(() => this.next());
    }
    const busy = under + waiting.length > 0;
    // Whoever leaves the page by mistake is asked first.
    globalThis[busy ? 'addEventListener' : 'removeEventListener']('beforeunload', this.stay);
  }

  private async read(): Promise<void> {
    try {
      const access = pluginOn(this.channel, this.endpoint, this.plugin);
      const { transfers } = await access.get<StagingTransfers>('transfers/{sid}');
      this.remote.clear();
      transfers.forEach(one => this.remote.set(one.id, one));
      this.tell();
    } catch {
      // The listing beside says what is wrong; events go on telling.
    }
  }

  private take(transfer: StagingTransfer): void {
    this.remote.set(transfer.id, transfer);
    if (this.remote.size > KEPT) {
      this.remote.delete(this.remote.keys().next().value!);
    }
    this.tell();
  }

  private stay = (event: Event): void => event.preventDefault();

  private tell(): void {
    this.changed.set(this.changed.value + 1);
  }
}

/** Return what all views of a page share. */
export const transfersOf = oneForPlugin((channel, endpoint, plugin) => new Transfers(channel, endpoint, plugin));
