/**
 * Through the kernel: the same frames as over the page's own socket, carried by a widget's comm to a socket that the
 * kernel holds. `orbit_jupyter_widgets/comm.py` is the other end.
 */

import { Value, type Unwatch } from '../value.js';
import type { CallRequest, Channel, ConnectionState, Gap, Interest, OrbitEvent } from './channel.js';
import { DirectChannel, type Socket } from './direct.js';

/** What of a widget's model is used. */
export interface CommModel {
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, told: (...news: never[]) => void): void;
  off(event: string, told: (...news: never[]) => void): void;
}

interface Message {
  orbit?: 'open' | 'frames' | 'closed';
  page?: string;
  reason?: string;
}

/** Milliseconds until the kernel is asked again for a connection, the first time and at most. */
const FIRST = 500;
const LATEST = 15_000;

export class CommChannel implements Channel {
  readonly kind = 'comm';
  readonly http = null;
  readonly connection: Value<ConnectionState>;

  private socket = new CommSocket();
  private inner = new DirectChannel('http://kernel/', () => this.socket);
  private users = new Map<CommModel, number>();

  constructor() {
    this.connection = new Value(this.worded(this.inner.connection.value));
    this.inner.connection.watch(state => this.connection.set(this.worded(state)));
  }

  get bridge(): Channel['bridge'] {
    return this.inner.bridge;
  }

  get topology(): Channel['topology'] {
    return this.inner.topology;
  }

  call<T>(request: CallRequest): Promise<T> {
    return this.inner.call<T>(request);
  }

  subscribe(interest: Interest, told: (event: OrbitEvent) => void, gap?: (gap: Gap) => void): Unwatch {
    return this.inner.subscribe(interest, told, gap);
  }

  /** Let a widget's comm carry it; what is returned takes that back. Of several widgets one carries for all. */
  use(model: CommModel): Unwatch {
    this.users.set(model, (this.users.get(model) ?? 0) + 1);
    this.socket.carryOver(this.users.keys());
    let used = true;
    return () => {
      const left = (this.users.get(model) ?? 1) - (used ? 1 : 0);
      used = false;
      if (left > 0) {
        this.users.set(model, left);
      } else {
        this.users.delete(model);
      }
      this.socket.carryOver(this.users.keys());
    };
  }

  /** Whether any widget carries it. */
  get used(): boolean {
    return this.users.size > 0;
  }

  close(): void {
    this.inner.close();
  }

  private worded(state: ConnectionState): ConnectionState {
    if (state.kind === 'connected' || state.kind === 'refused') {
      return state;
    }
    const busy = 'the kernel doesn’t answer: it may be busy; if it was restarted, run the cell again';
    return { ...state, reason: this.socket.why || (state.kind === 'lost' ? busy : 'through the kernel') };
  }
}

class CommSocket implements Socket {
  binaryType: BinaryType = 'arraybuffer';
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  /** Why the kernel has closed it. */
  why = '';

  // A comm's messages go to all pages that show the notebook.
  private page = globalThis.crypto.getRandomValues(new Uint32Array(4)).join('-');
  private carrier: CommModel | null = null;
  private dialled = false;
  private open = false;
  private waiting: ArrayBuffer[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pause = FIRST;

  /** Stay with the widget that carries it, while it is among these; else take the first. */
  carryOver(models: Iterable<CommModel>): void {
    const all = [...models];
    if (this.carrier && all.includes(this.carrier)) {
      return;
    }
    this.hangUp();
    this.carrier?.off('msg:custom', this.take);
    this.carrier = all[0] ?? null;
    if (this.carrier) {
      this.carrier.on('msg:custom', this.take);
      this.dial();
    }
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (!this.open) {
      return;
    }
    if (!this.waiting.length) {
      queueMicrotask(this.flush);
    }
    this.waiting.push(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  }

  close(): void {
    this.flush();
    this.hangUp();
    this.carrier?.off('msg:custom', this.take);
    this.carrier = null;
  }

  reconnect(): void {
    this.hangUp();
    this.dial();
  }

  private dial(): void {
    clearTimeout(this.timer);
    this.dialled = true;
    this.say('dial');
  }

  private hangUp(): void {
    clearTimeout(this.timer);
    this.waiting = [];
    if (this.dialled) {
      this.dialled = false;
      this.say('hang-up');
    }
    if (this.open) {
      this.closed('');
    }
  }

  private flush = (): void => {
    const frames = this.waiting;
    this.waiting = [];
    if (frames.length) {
      this.say('frames', frames);
    }
  };

  private say(orbit: string, buffers: ArrayBuffer[] = []): void {
    try {
      this.carrier?.send({ orbit, page: this.page }, undefined, buffers);
    } catch {
      // Its comm is gone, as after a restart of the kernel: the silence says so, and the next cell carries on.
    }
  }

  private closed(reason: string): void {
    this.open = this.dialled = false;
    this.why = reason;
    this.onclose?.(new Event('close') as CloseEvent);
  }

  private take = (message: Message, buffers: DataView[]): void => {
    if (message.page !== this.page) {
      return;
    }
    if (message.orbit === 'open') {
      this.open = true;
      this.why = '';
      this.onopen?.(new Event('open'));
    } else if (message.orbit === 'frames') {
      this.pause = FIRST;
      for (const { buffer, byteOffset, byteLength } of buffers) {
        const data = (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
        this.onmessage?.(new MessageEvent('message', { data }));
      }
    } else if (message.orbit === 'closed') {
      this.closed(message.reason ?? '');
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.dial(), this.pause);
      this.pause = Math.min(LATEST, this.pause * 1.6);
    }
  };
}
