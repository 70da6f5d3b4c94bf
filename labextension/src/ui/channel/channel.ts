/** How the renderer reaches a bridge. Views know this and nothing of their host. */

import type { Unwatch, Value } from '../value.js';
import type { EndpointInfo } from '../wire/types.js';

export interface CallRequest {
  /** Empty: the bridge itself. */
  endpoint: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with `/PLUGIN/`, percent-encoded. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** How long it may take; 60 unless it is said. */
  seconds?: number;
  /** Idempotency key: what has it is sent again after a lost connection, and happens once. */
  key?: string;
  /** False: it is not sent again by itself, though it has a key: nobody knows whether the plugin heeds that. */
  resend?: boolean;
  signal?: AbortSignal;
}

export interface OrbitEvent {
  endpoint: string;
  plugin: string;
  topic: string;
  session: string;
  /** Milliseconds since the epoch, at the endpoint. */
  time: number;
  truncated: boolean;
  data: Record<string, unknown>;
}

/** Empty: any. */
export interface Interest {
  endpoint?: string;
  plugin?: string;
  topic?: string;
}

/** Some events are lost: read states anew. `missed` is null where nobody knows how many. */
export interface Gap {
  endpoint: string;
  missed: number | null;
  time: number;
}

export interface ConnectionState {
  kind: 'connecting' | 'connected' | 'lost' | 'refused';
  /** Why, in words for people. */
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
}

export interface BridgeFacts {
  id: string;
  url: string;
  user: string;
}

export interface Channel {
  /** `direct`: the page talks to the bridge; `comm`: through the kernel. */
  readonly kind: 'direct' | 'comm';
  readonly bridge: Value<BridgeFacts | null>;
  readonly connection: Value<ConnectionState>;
  /** The endpoints that are connected; each change makes a new map. */
  readonly topology: Value<ReadonlyMap<string, EndpointInfo>>;
  /**
   * Return the decoded answer, or throw an `OrbitError`. A call that is made while there is no connection waits
   * for it.
   */
  call<T>(request: CallRequest): Promise<T>;
  /** Call `told` for each event that comes from now on, `gap` where some are lost. */
  subscribe(interest: Interest, told: (event: OrbitEvent) => void, gap?: (gap: Gap) => void): Unwatch;
  /**
   * Return where the bridge answers HTTP for this page, for bodies too long for a call: ends in `/`. Null where
   * this page can't ask it.
   */
  readonly http: HttpAccess | null;
  close(): void;
}

export interface HttpAccess {
  readonly base: string;
  /** What a request of another method than GET needs besides. */
  headers(): Record<string, string>;
}

/** Seconds that a call may take unless its caller says otherwise. */
export const CALL_TIME = 60;
