/** The joins and leaves of one `join` plugin, as they go on. What is typed for ssh passes through and stays nowhere. */

import type { Channel } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import type { JoinCluster, JoinHosts, JoinJoining, JoinJoins, JoinStarted } from '../wire/types.js';
import { whenBack } from './back.js';
import { Reading, Users } from './followed.js';
import { oneForPlugin } from './shared.js';
import { makeToken, revokeToken, tokensOf } from './tokens.js';
import { Value, type Unwatch } from '../value.js';

export interface Wish {
  target: string;
  name: string;
  plugins?: string;
  python?: string;
  ssh?: string;
  packages?: string[];
}

export interface JoinsState {
  joins: readonly JoinJoining[];
  joined: readonly JoinCluster[];
  read: boolean;
  error: OrbitError | null;
}

/** How long a token may wait for the endpoint that is being installed. */
const WAITS = '2h';
const GONE = new Set(['session-expired', 'session-not-found']);

export class Joins {
  readonly state = new Value<JoinsState>({ joins: [], joined: [], read: false, error: null });

  private users = new Users(() => this.begin());
  private reading = new Reading(() => this.read());
  private session: Promise<string> | null = null;
  private spent = new Set<string>();

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {}

  /** Keep them up to date until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  /** Read all of them anew; several wishes at once are one question. */
  reload(): Promise<void> {
    return this.reading.ask();
  }

  /** Make a token, and begin. */
  async start(wish: Wish): Promise<JoinStarted> {
    const bridge = await this.bridgeFor(wish.name);
    const token = await makeToken(this.channel, { name: wish.name, parent: this.endpoint, expires: WAITS });
    try {
      return await this.ordered('start/{sid}', { ...wish, bridge, token: token.token });
    } catch (error) {
      const { status } = asOrbitError(error);
      if (status >= 400 && status < 499) {
        await revokeToken(this.channel, token.id); // it was refused; what was lost on its way may need it
      }
      throw error;
    }
  }

  async leave(name: string, remove: boolean): Promise<JoinStarted> {
    return this.ordered('leave/{sid}', { name, remove, bridge: await this.bridgeFor(name) });
  }

  async answer(joinId: string, question: string, reply: string): Promise<void> {
    // The salt keeps a password from being guessed by the digest that the bridge's audit log has of each body.
    const salt = newKey();
    await this.call('POST', `answer/{sid}/${encodeURIComponent(joinId)}`, { question, reply, salt });
    await this.reload();
  }

  async cancel(joinId: string): Promise<void> {
    await this.call('POST', `cancel/{sid}/${encodeURIComponent(joinId)}`);
    await this.reload();
  }

  async hosts(): Promise<string[]> {
    return (await this.call<JoinHosts>('GET', 'hosts/{sid}')).hosts;
  }

  private begin(): Unwatch[] {
    const reload = () => void this.reload();
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    const endings = [this.channel.subscribe(mine, reload, reload), whenBack(this.channel, this.endpoint, reload)];
    reload();
    return endings;
  }

  private async read(): Promise<void> {
    try {
      const { joins, joined } = await this.call<JoinJoins>('GET', 'joins/{sid}');
      this.state.set({ joins, joined, read: true, error: null });
      this.revokeSpent(joins);
    } catch (error) {
      this.state.set({ ...this.state.value, error: asOrbitError(error) });
    }
  }

  private async ordered(route: string, body: unknown): Promise<JoinStarted> {
    const started = await this.call<JoinStarted>('POST', route, body);
    await this.reload();
    return started;
  }

  /** What the endpoint may not ask the bridge itself. */
  private async bridgeFor(name: string): Promise<Record<string, unknown>> {
    const facts = this.channel.topology.value.get(name)?.endpoint;
    const holder = facts ? { hostname: String(facts['hostname'] ?? ''), pid: Number(facts['pid'] ?? 0) } : null;
    const token_ids = await tokensOf(this.channel, name);
    return { id: this.channel.bridge.value?.id ?? '', token_ids, holder };
  }

  private revokeSpent(joins: readonly JoinJoining[]): void {
    for (const id of joins.flatMap(one => one.spent)) {
      if (!this.spent.has(id)) {
        this.spent.add(id);
        void revokeToken(this.channel, id);
      }
    }
  }

  // A session of its own, which outlives a reload of the page: only it may answer what it is asked.

  private async call<T>(method: 'GET' | 'POST', route: string, body?: unknown): Promise<T> {
    const ask = async (sid: string) => {
      const path = `/${this.plugin}/${route.replace('{sid}', encodeURIComponent(sid))}`;
      return this.channel.call<T>({ endpoint: this.endpoint, method, path, body });
    };
    const session = (this.session ??= this.sessionOf());
    try {
      return await ask(await session);
    } catch (error) {
      if (this.session === session) {
        this.session = null;
      }
      if (!GONE.has(asOrbitError(error).code)) {
        throw error;
      }
      this.remember('');
      this.session ??= this.sessionOf();
      return ask(await this.session);
    }
  }

  private async sessionOf(): Promise<string> {
    const kept = this.remembered();
    if (kept) {
      return kept;
    }
    const path = `/${this.plugin}/register_session`;
    const answer = await this.channel.call<{ sid: string }>({
      endpoint: this.endpoint,
      method: 'POST',
      path,
      body: {},
    });
    this.remember(answer.sid);
    return answer.sid;
  }

  private get key(): string {
    return `orbit-join ${this.channel.bridge.value?.id ?? ''} ${this.endpoint}/${this.plugin}`;
  }

  private remembered(): string {
    try {
      return sessionStorage.getItem(this.key) ?? '';
    } catch {
      return ''; // a front end that keeps nothing
    }
  }

  private remember(sid: string): void {
    try {
      sessionStorage.setItem(this.key, sid);
    } catch {
      // then a reload begins anew
    }
  }
}

/** What an endpoint on a host is called unless its user says otherwise, as `orbit.join` names it. */
export function nameFor(target: string): string {
  const host = target.slice(target.lastIndexOf('@') + 1);
  return host
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, 63);
}

/** Return what all views of a page share. */
export const joinsOf = oneForPlugin((channel, endpoint, plugin) => new Joins(channel, endpoint, plugin));
