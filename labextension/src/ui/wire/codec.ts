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

/** Frames that neither side counts as received. */
const UNCOUNTED = new Set(['hello', 'welcome', 'ping', 'pong', 'seen', 'bye']);

export function toBytes(frame: Outgoing): Uint8Array<ArrayBuffer> {
  return encode(frame);
}

export function fromBytes(data: ArrayBuffer): Incoming {
  return decode(data) as Incoming;
}

export function counts(frame: Incoming): boolean {
  return !UNCOUNTED.has(frame[0]);
}

const text = new TextDecoder();

/** Return the JSON in a body, or undefined where it is empty. */
export function json(body: Uint8Array | undefined): unknown {
  return body?.length ? JSON.parse(text.decode(body)) : undefined;
}
