/** Frames to bytes and back; `orbit_jupyter/protocol/frames.py` says what each means. */

import { decode, encode } from '@msgpack/msgpack';

import type {
  ByeFrame,
  CallFrame,
  CancelFrame,
  CreditFrame,
  DataFrame,
  EventsFrame,
  FailFrame,
  HelloFrame,
  PingFrame,
  PongFrame,
  ReplyFrame,
  SeenFrame,
  SubscribeFrame,
  TopologyFrame,
  WelcomeFrame,
} from './types.js';

/** What the bridge sends to a client. */
export type Incoming =
  | WelcomeFrame
  | ReplyFrame
  | FailFrame
  | DataFrame
  | EventsFrame
  | TopologyFrame
  | PingFrame
  | PongFrame
  | SeenFrame
  | ByeFrame;

/** What a client sends. */
export type Outgoing =
  | HelloFrame
  | CallFrame
  | CancelFrame
  | CreditFrame
  | SubscribeFrame
  | PingFrame
  | PongFrame
  | SeenFrame
  | ByeFrame;

/** Bytes of a body that a call carries in one frame; longer ones go over HTTP. */
export const CHUNK = 256 * 1024;

const text = new TextDecoder();

/**
 * The decoder refuses a frame with a map that has `__proto__`: one endpoint could keep all others from being seen. It
 * gets another name here, before that is looked at.
 */
const KEYS = {
  canBeCached: (length: number) => length === 9,
  decode: (bytes: Uint8Array, start: number, length: number) =>
    text.decode(bytes.subarray(start, start + length)).replace('__proto__', '__proto'),
};

/** Frames that neither side counts as received. */
const UNCOUNTED = new Set(['hello', 'welcome', 'ping', 'pong', 'seen', 'bye']);

export function toBytes(frame: Outgoing): Uint8Array<ArrayBuffer> {
  return encode(frame);
}

export function fromBytes(data: ArrayBuffer): Incoming {
  return decode(data, { keyDecoder: KEYS }) as Incoming;
}

export function counts(frame: Incoming): boolean {
  return !UNCOUNTED.has(frame[0]);
}

/** Return the JSON in a body, or undefined where it is empty. */
export function json(body: Uint8Array | undefined): unknown {
  return body?.length ? JSON.parse(text.decode(body)) : undefined;
}
