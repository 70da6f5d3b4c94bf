/** The page talks to the bridge itself: one WebSocket, with Jupyter's cookie, for all views of the page. */

import ReconnectingWebSocket from 'partysocket/ws';

import { Value, type Unwatch } from '../value.js';
import { counts, fromBytes, json, toBytes, type Incoming, type Outgoing } from '../wire/codec.js';
import type { EndpointInfo, EventsFrame, TopologyFrame } from '../wire/types.js';
import type {
  BridgeFacts,
  CallRequest,
  Channel,
  ConnectionState,
  Gap,
  HttpAccess,
  Interest,
  OrbitEvent,
} from './channel.js';
import { OrbitError } from './errors.js';
import { newKey } from './key.js';
import { Listeners } from './listeners.js';
import { PendingCalls } from './pending.js';

/** Milliseconds of silence after which we ask whether the bridge is still there, and after which we dial again. */
const QUIET = 15_000;
const SILENT = 22_000;
const LOOK = 2_500;

/** The bridge is told after so many frames that they have come: it keeps them until then. */
const TELL = 32;

/** What of a WebSocket is used; a test brings its own. */
export interface Socket {
  binaryType: BinaryType;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
  /** Drop the socket and dial anew. */
  reconnect(): void;
}

export class DirectChannel implements Channel {
  readonly kind = 'direct';
  readonly bridge = new Value<BridgeFacts | null>(null);
  readonly connection = new Value<ConnectionState>({ kind: 'connecting', reason: '', since: Date.now() });
  readonly topology = new Value<ReadonlyMap<string, EndpointInfo>>(new Map());
  readonly http: HttpAccess;

  private socket: Socket;
  private calls = new PendingCalls(
    frame => this.send(frame),
    () => this.connection.value.kind === 'connected',
  );
  private listeners = new Listeners();
  private place: [epoch: string, sequence: number] | null = null;
  private received = 0;
  /** Whether there is a socket over which hello was said. */
  private greeted = false;
  private heard = Date.now();
  private looked = Date.now();
  private watchdog: ReturnType<typeof setInterval>;

  /** `base` is where the bridge answers, such as `/orbit/`. */
  constructor(base: string, dial: (url: string) => Socket = dialled) {
    this.http = { base, headers: xsrfHeaders };
    const url = new URL(`${base}client`, globalThis.location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.socket = dial(url.href);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => this.greet();
    this.socket.onmessage = event => this.take(event.data as ArrayBuffer);
    this.socket.onclose = () => {
      this.greeted = false;
      this.lost('the connection to the bridge was lost');
    };
    this.watchdog = setInterval(() => this.look(), LOOK);
    globalThis.addEventListener?.('online', this.again);
    globalThis.addEventListener?.('pagehide', this.leave);
  }

  call<T>(request: CallRequest): Promise<T> {
    const { kind, reason } = this.connection.value;
    if (kind === 'refused') {
      return Promise.reject(new OrbitError(reason, 'disconnected', 503)); // nothing will answer it
    }
    return this.calls.begin<T>(request);
  }

  subscribe(interest: Interest, told: (event: OrbitEvent) => void, gap?: (gap: Gap) => void): Unwatch {
    return this.listeners.add(interest, told, gap);
  }

  close(): void {
    clearInterval(this.watchdog);
    globalThis.removeEventListener?.('online', this.again);
    globalThis.removeEventListener?.('pagehide', this.leave);
    this.socket.onclose = null;
    this.leave();
    this.socket.close();
    this.calls.end('this page has closed its connection');
  }

  private send(frame: Outgoing): void {
    this.socket.send(toBytes(frame));
  }

  private greet(): void {
    this.received = 0;
    this.heard = Date.now();
    this.greeted = true;
    this.send(['hello', 'client', '', newKey(), [1, 1]]);
  }

  private take(data: ArrayBuffer): void {
    this.heard = Date.now();
    const frame = fromBytes(data);
    if (counts(frame)) {
      this.received += 1;
      if (this.received % TELL === 0) {
        this.send(['seen', this.received]);
      }
    }
    this.handle(frame);
  }

  private handle(frame: Incoming): void {
    switch (frame[0]) {
      case 'welcome':
        this.bridge.set({ id: frame[2], url: frame[4] ?? '', user: frame[7] ?? '' });
        // Everything in one subscription: who wants what is decided here, and there is one place to go on from.
        this.send(['subscribe', 1, '', '', '', this.place ? { '': this.place } : null]);
        this.connection.set({ kind: 'connected', reason: '', since: Date.now() });
        this.calls.connectionCame();
        break;
      case 'reply':
        this.calls.replied(frame);
        break;
      case 'fail':
        this.calls.failed(frame);
        break;
      case 'data':
        this.calls.gotData(frame);
        break;
      case 'topology':
        this.changed(frame);
        break;
      case 'events':
        this.happened(frame);
        break;
      case 'ping':
        this.send(['pong', frame[1], this.received]);
        break;
      case 'bye':
        if (frame[2] === false) {
          this.refused(frame[1]);
        }
        break;
    }
  }

  private changed([, endpoints, removed, full]: TopologyFrame): void {
    const next = new Map(full ? [] : this.topology.value);
    for (const [name, info] of Object.entries(endpoints)) {
      next.set(name, info);
    }
    for (const name of removed ?? []) {
      next.delete(name);
    }
    this.topology.set(next);
  }

  private happened([, epoch, first, events, endpoint, missed, last]: EventsFrame): void {
    this.place = [epoch, last ?? first + events.length - 1];
    if (missed) {
      this.listeners.tellGap({ endpoint: '', missed, time: Date.now() });
    }
    for (const [plugin, topic, data, session, , time, truncated] of events) {
      const read = () => objectIn(data);
      if (topic === 'gap' && !plugin) {
        const lost = read()['missed'];
        const number = typeof lost === 'number' ? lost : null;
        this.listeners.tellGap({ endpoint: endpoint ?? '', missed: number, time: Date.now() });
        continue;
      }
      this.listeners.tell(
        {
          endpoint: endpoint ?? '',
          plugin,
          topic,
          session: session ?? '',
          time: (time ?? 0) * 1000,
          truncated: truncated ?? false,
        },
        read,
      );
    }
  }

  private lost(reason: string): void {
    if (this.connection.value.kind === 'connected') {
      this.connection.set({ kind: 'lost', reason, since: Date.now() });
      this.calls.connectionWent(reason);
    } else if (this.connection.value.kind === 'connecting' && !this.connection.value.reason) {
      this.connection.set({
        kind: 'connecting',
        reason: 'the bridge does not answer; are you logged in?',
        since: Date.now(),
      });
    }
  }

  private refused(reason: string): void {
    this.greeted = false;
    this.connection.set({ kind: 'refused', reason, since: Date.now() });
    this.calls.end(reason);
    this.socket.close();
  }

  /** Notice a connection that has died without a word, as after a laptop's sleep. */
  private look(): void {
    const now = Date.now();
    // A look that comes late says that this page was asleep: what came meanwhile hasn't been read yet.
    const slept = now - this.looked > 4 * LOOK;
    this.looked = now;
    if (slept) {
      this.heard = now - QUIET;
      return;
    }
    if (!this.greeted) {
      return; // it is dialled, with pauses, by the socket itself
    }
    const silent = now - this.heard;
    if (silent > SILENT) {
      this.lost('the bridge no longer answers');
      this.heard = now;
      this.socket.reconnect();
    } else if (silent > QUIET) {
      this.send(['ping', now, this.received]);
    }
  }

  private again = (): void => {
    const { kind } = this.connection.value;
    if (kind !== 'connected' && kind !== 'refused') {
      this.socket.reconnect();
    }
  };

  /** Say goodbye, so that the bridge doesn't keep the connection for one that comes back. */
  private leave = (): void => {
    if (this.connection.value.kind === 'connected') {
      this.send(['bye', 'the page was closed', false]);
    }
  };
}

/** What an event says; nothing where it can't be read, so that those after it still are. */
function objectIn(data: Uint8Array): Record<string, unknown> {
  try {
    const value = json(data);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function dialled(url: string): Socket {
  return new ReconnectingWebSocket(url, [], {
    minReconnectionDelay: 300 + Math.random() * 700,
    maxReconnectionDelay: 15_000,
    reconnectionDelayGrowFactor: 1.6,
    connectionTimeout: 10_000,
    maxEnqueuedMessages: 0,
  });
}

function xsrfHeaders(): Record<string, string> {
  const cookie = /(?:^|; )_xsrf=([^;]*)/.exec(globalThis.document?.cookie ?? '')?.[1];
  return cookie ? { 'X-XSRFToken': decodeURIComponent(cookie) } : {};
}
