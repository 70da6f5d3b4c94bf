/** Calls that wait for their answer over one connection after another. No I/O. */

import { CHUNK, json, type Outgoing } from '../wire/codec.js';
import type { DataFrame, FailFrame, ReplyFrame } from '../wire/types.js';
import { CALL_TIME, type CallRequest } from './channel.js';
import { OrbitError } from './errors.js';

interface Waiting {
  request: CallRequest;
  body: Uint8Array;
  until: number;
  timer: ReturnType<typeof setTimeout>;
  resolve: (answer: unknown) => void;
  reject: (error: OrbitError) => void;
  /** Whether a connection has carried it. */
  sent: boolean;
  reply?: ReplyFrame;
  pieces: Uint8Array[];
  /** Bytes that have come since the far side was last given credit. */
  read: number;
}

const utf8 = new TextEncoder();

export class PendingCalls {
  private waiting = new Map<number, Waiting>();
  private last = 0;

  /** `send` writes a frame, or does nothing where there is no connection. */
  constructor(
    private send: (frame: Outgoing) => void,
    private connected: () => boolean,
  ) {}

  get count(): number {
    return this.waiting.size;
  }

  begin<T>(request: CallRequest): Promise<T> {
    const body = request.body === undefined ? new Uint8Array() : utf8.encode(JSON.stringify(request.body));
    if (body.length > CHUNK) {
      return Promise.reject(new OrbitError('this is too long for a form; send it as a file', 'too-large', 413));
    }
    if (request.signal?.aborted) {
      return Promise.reject(cancelled());
    }
    return new Promise<T>((resolve, reject) => {
      const id = ++this.last;
      const seconds = request.seconds ?? CALL_TIME;
      const end = (act: () => void) => {
        clearTimeout(call.timer);
        request.signal?.removeEventListener('abort', abort);
        this.waiting.delete(id);
        act();
      };
      const give = (error: OrbitError) => {
        if (call.sent && this.connected()) {
          this.send(['cancel', id]);
        }
        call.reject(error);
      };
      const abort = () => give(cancelled());
      const call: Waiting = {
        request,
        body,
        until: Date.now() + seconds * 1000,
        timer: setTimeout(() => give(late(request, seconds)), seconds * 1000),
        resolve: answer => end(() => resolve(answer as T)),
        reject: error => end(() => reject(error)),
        sent: false,
        pieces: [],
        read: 0,
      };
      request.signal?.addEventListener('abort', abort, { once: true });
      this.waiting.set(id, call);
      if (this.connected()) {
        this.write(id, call);
      }
    });
  }

  /** Send what waits for a connection, and again what may be sent twice. */
  connectionCame(): void {
    for (const [id, call] of this.waiting) {
      this.write(id, call);
    }
  }

  /** Fail what a lost connection has carried and may not be sent again. */
  connectionWent(reason: string): void {
    for (const call of [...this.waiting.values()]) {
      if (call.sent && call.request.method !== 'GET' && !(call.request.key && call.request.resend !== false)) {
        const what = `${call.request.method} ${call.request.path}`;
        call.reject(new OrbitError(`${reason}; whether ${what} was done isn't known`, 'disconnected', 503, true));
      }
      delete call.reply;
      call.pieces = [];
      call.read = 0;
    }
  }

  end(reason: string): void {
    for (const call of [...this.waiting.values()]) {
      call.reject(new OrbitError(reason, 'disconnected', 503, true));
    }
  }

  replied(frame: ReplyFrame): void {
    const call = this.waiting.get(frame[1]);
    if (!call) {
      return;
    }
    if (frame[5]) {
      call.reply = frame;
      call.pieces = frame[4]?.length ? [frame[4]] : [];
      return;
    }
    finish(call, frame[2], frame[4]);
  }

  gotData(frame: DataFrame): void {
    const [, id, piece, end] = frame;
    const call = this.waiting.get(id);
    if (!call?.reply) {
      return;
    }
    call.pieces.push(piece);
    call.read += piece.length;
    if (end) {
      finish(call, call.reply[2], joined(call.pieces));
    } else if (call.read >= CHUNK) {
      this.send(['credit', id, call.read]);
      call.read = 0;
    }
  }

  failed(frame: FailFrame): void {
    const [, id, code, message, transient, status, data] = frame;
    this.waiting.get(id)?.reject(new OrbitError(message, code, status ?? 500, transient ?? false, data ?? {}));
  }

  private write(id: number, call: Waiting): void {
    const { endpoint, method, path, query, key } = call.request;
    call.sent = true;
    const headers: Record<string, string> = call.body.length ? { 'content-type': 'application/json' } : {};
    const left = Math.max(0.1, (call.until - Date.now()) / 1000);
    this.send([
      'call',
      id,
      endpoint,
      method,
      path,
      toQuery(query),
      headers,
      null,
      left,
      call.body,
      false,
      '',
      key ?? '',
    ]);
  }
}

function finish(call: Waiting, status: number, body: Uint8Array | undefined): void {
  let answer: unknown;
  try {
    answer = json(body);
  } catch {
    call.reject(new OrbitError(`the answer of ${call.request.path} can't be read`, 'error', status));
    return;
  }
  if (status >= 400) {
    call.reject(OrbitError.fromBody(status, answer));
  } else {
    call.resolve(answer);
  }
}

export function toQuery(query: CallRequest['query']): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

function joined(pieces: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function cancelled(): OrbitError {
  return new OrbitError('cancelled', 'cancelled', 499);
}

function late(request: CallRequest, seconds: number): OrbitError {
  const whom = request.endpoint || 'the bridge';
  return new OrbitError(`${whom} didn't answer within ${seconds} s; try again`, 'deadline', 504, true);
}
