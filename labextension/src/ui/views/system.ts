/** A host and how busy it is, live: the page of a `sysinfo`, and as a strip of two lines for other places. */

import { css, html, nothing, svg, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import '../parts/ago.js';
import { bars } from '../parts/bar.js';
import { percent, time } from '../text/format.js';
import { column, cpuCard, disksCard, facts, gpuCards, hostLook, memoryCard, networkCard } from '../parts/host.js';
import { empty, failed, loading } from '../parts/notice.js';
import { endpointsOf } from '../state/endpoints.js';
import { hostOf, INTERVAL, type Host, type HostState } from '../state/host.js';
import { SPAN } from '../state/samples.js';
import type { Unwatch } from '../value.js';
import { base, buttons, cards, inputs, theme } from '../theme.js';

/** The plugin's type. */
const TYPE = 'sysinfo';

/** Seconds without news after which what is shown is called old. */
const OLD = 3 * INTERVAL;

@define('orbit-system')
export class SystemView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    bars,
    cards,
    hostLook,
    css`
      .head label {
        margin: 0;
      }
      select {
        width: auto;
        max-width: 220px;
      }
      .strip {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 2px 10px;
        align-items: center;
      }
      svg {
        width: 100%;
        height: 18px;
        overflow: visible;
      }
      polyline {
        fill: none;
        stroke: var(--o-accent);
        stroke-width: 1.5;
        vector-effect: non-scaling-stroke;
      }
    `,
  ];

  /** Empty: the first that has the plugin. */
  @property() endpoint = '';
  /** Empty: the endpoint's first `sysinfo`. */
  @property() plugin = '';
  @property({ type: Boolean, reflect: true }) compact = false;
  @state() private paused = false;
  /** What is shown; while it is paused the one of then. */
  @state() private now: HostState | null = null;

  private host: Host | null = null;

  protected override sources(): unknown[] {
    return [this.channel, ...this.place(), this.paused];
  }

  protected override start(): Unwatch[] {
    const [endpoint, plugin] = this.place();
    const there = endpointsOf(this.channel).all.watch(() => this.requestUpdate());
    const host = endpoint && plugin ? hostOf(this.channel, endpoint, plugin) : null;
    if (host !== this.host) {
      this.now = null;
      this.host = host;
    }
    if (!host || this.paused) {
      return [there]; // a page that has paused costs the host nothing, unless another one watches
    }
    this.now = host.state.value;
    return [there, host.state.watch(now => (this.now = now)), host.use()];
  }

  override render(): TemplateResult {
    const [endpoint] = this.place();
    if (this.compact) {
      return this.strip(endpoint);
    }
    return html`<div class="page">${this.head(endpoint)} ${this.body(endpoint)}</div>`;
  }

  private body(endpoint: string): TemplateResult {
    if (!this.host || !this.now) {
      return html`<div class="card">${this.absent(endpoint)}</div>`;
    }
    const now = this.now;
    const again = () => void this.host?.reload();
    const error = now.error && !this.paused ? html`<div class="card">${failed(now.error, again)}</div>` : nothing;
    if (!now.metrics && !now.samples.times.length) {
      return now.error ? html`${error}` : html`<div class="card">${loading('Reading the host')}</div>`;
    }
    return html`${error}${this.gone(endpoint)}${now.metrics ? facts(now) : nothing}
      <div class="cards">
        ${cpuCard(now)}${memoryCard(now)}${gpuCards(now)}${networkCard(now)}${disksCard(now)}
      </div>`;
  }

  private head(endpoint: string): TemplateResult {
    const all = endpointsOf(this.channel)
      .withPlugin(TYPE)
      .sort((one, other) => one.endpoint.localeCompare(other.endpoint));
    const mine = `${endpoint}/${this.place()[1]}`;
    const known = all.some(one => `${one.endpoint}/${one.plugin}` === mine);
    const many = new Set(all.map(one => one.endpoint)).size < all.length;
    return html`<div class="head">
      <div class="title">
        <h1>System</h1>
        <span class="soft">${endpoint} · ${this.freshness()}</span>
      </div>
      <span class="row">
        <label for="pick">Endpoint</label>
        <select id="pick" @change=${(event: Event) => this.picked((event.target as HTMLSelectElement).value)}>
          ${known ? nothing : html`<option value=${mine} selected>${endpoint || '–'} (away)</option>`}
          ${all.map(one => {
            const name = `${one.endpoint}/${one.plugin}`;
            return html`<option value=${name} ?selected=${name === mine}>${many ? name : one.endpoint}</option>`;
          })}
        </select></span
      >
      <button aria-pressed=${this.paused} ?disabled=${!this.host} @click=${() => (this.paused = !this.paused)}>
        ${this.paused ? '▶ Go on' : '‖ Pause'}
      </button>
    </div>`;
  }

  private freshness(): TemplateResult | string {
    const heard = this.now?.heard ?? 0;
    if (this.paused) {
      return heard ? `paused, as of ${time(heard)}` : 'paused';
    }
    if (!heard) {
      return 'the last 10 minutes';
    }
    return html`the last 10 minutes, <orbit-old .since=${heard}></orbit-old>`;
  }

  private strip(endpoint: string): TemplateResult {
    const now = this.now;
    if (!this.host || !now) {
      return this.absent(endpoint);
    }
    if (!now.metrics && !now.samples.times.length) {
      return now.error ? failed(now.error, () => void this.host?.reload()) : loading('Reading the host');
    }
    const line = (name: string, of: string) => {
      const values = column(now.samples, of);
      return html`<span>${name}</span>${spark(now.samples.times, values)}
        <span class="number">${percent(values.at(-1))}</span>`;
    };
    return html`${this.gone(endpoint)}
      <div class="strip" title=${`${endpoint}, the last 10 minutes`}>
        ${line('CPU', 'cpu_percent')} ${line('Memory', 'memory_percent')}
      </div>`;
  }

  private absent(endpoint: string): TemplateResult {
    if (!endpoint) {
      return empty('No endpoint with the plugin sysinfo is connected. One that comes appears here by itself.');
    }
    return empty(
      `${endpoint} isn’t connected, or its plugin sysinfo isn’t loaded. It appears here by itself when it is.`,
    );
  }

  private gone(endpoint: string): TemplateResult | typeof nothing {
    const one = endpointsOf(this.channel).all.value.get(endpoint);
    if (one && one.state !== 'gone') {
      return nothing;
    }
    const since = one ? html` for <orbit-ago .channel=${this.channel} .since=${one.since}></orbit-ago>` : nothing;
    return html`<div class="card">
      <div class="notice warn" role="status">
        ○ ${endpoint} has been away${since}. What you see is old; it goes on by itself when the endpoint is back.
      </div>
    </div>`;
  }

  private picked(name: string): void {
    const slash = name.lastIndexOf('/');
    const [endpoint, plugin] = [name.slice(0, slash), name.slice(slash + 1)];
    [this.endpoint, this.plugin, this.paused] = [endpoint, plugin, false];
    this.open({ view: 'monitor', endpoint, plugin });
  }

  /** Return which plugin is meant where not all of it is said. */
  private place(): [endpoint: string, plugin: string] {
    if (!this.channel) {
      return ['', ''];
    }
    const all = endpointsOf(this.channel);
    const endpoint = this.endpoint || (all.withPlugin(TYPE)[0]?.endpoint ?? '');
    return [endpoint, this.plugin || (all.plugin(endpoint, TYPE) ?? '')];
  }
}

/** A line without axes, in percent. */
function spark(times: readonly number[], values: readonly (number | null)[]): TemplateResult {
  const last = times.at(-1) ?? 0;
  const points = times
    .map((when, index) => [SPAN + when - last, values[index]] as const)
    .filter(([, value]) => typeof value === 'number')
    .map(([x, value]) => `${x.toFixed(1)},${(100 - Math.min(100, value ?? 0)).toFixed(1)}`);
  return html`<svg viewBox="0 0 ${SPAN} 100" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<polyline points=${points.join(' ')} />`}
  </svg>`;
}

/** Says whether what is shown is of now. */
@define('orbit-old')
export class Old extends OrbitElement {
  static override styles = [
    base,
    css`
      :host {
        display: inline;
        color: inherit;
      }
    `,
  ];

  @property({ type: Number }) since = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.requestUpdate(), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  override render(): TemplateResult {
    const seconds = (Date.now() - this.since) / 1000;
    return seconds > OLD ? html`<span class="warn">◐ no news since ${time(this.since)}</span>` : html`live`;
  }
}
