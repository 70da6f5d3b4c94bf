/** The tree: bridge, endpoints with their plugins, and under each the endpoints that were launched from it. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import '../parts/ago.js';
import { plural } from '../text/format.js';
import { lookOf } from '../parts/states.js';
import { pageOf } from '../pages.js';
import { allocationsOf } from '../state/allocations.js';
import { endpointsOf, type Endpoint } from '../state/endpoints.js';
import { runningJobs } from '../state/running.js';
import { trackedOf } from '../state/tracked.js';
import type { Unwatch } from '../value.js';
import { base, buttons, theme } from '../theme.js';
import type { View } from '../wire/types.js';

/** More endpoints than this get a field to look for one. */
const MANY = 8;

@define('orbit-endpoints')
export class EndpointsView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      .line {
        display: flex;
        align-items: baseline;
        gap: 8px;
        width: 100%;
        text-align: left;
        border: 0;
        border-left: 3px solid transparent;
        border-radius: 0;
        background: none;
        font-weight: 400;
        padding: 3px 12px 3px calc(12px + var(--depth, 0) * 14px);
        min-height: 26px;
      }
      .line[aria-current='true'] {
        background: var(--o-select);
        border-left-color: var(--o-accent);
      }
      .head {
        position: relative;
      }
      .fold {
        position: absolute;
        z-index: 1;
        left: calc(var(--depth, 0) * 14px - 1px);
        top: 1px;
        width: 16px;
        min-height: 24px;
        padding: 0;
        border: 0;
        background: none;
        font-weight: 400;
        color: var(--o-text-soft);
      }
      .name {
        font-weight: 600;
      }
      .mark {
        width: 1em;
        flex: none;
        text-align: center;
      }
      .facts {
        padding: 0 12px 4px calc(36px + var(--depth, 0) * 14px);
      }
      input {
        font: inherit;
        color: inherit;
        background: var(--o-bg);
        border: 1px solid var(--o-field);
        border-radius: 4px;
        margin: 4px 12px;
        padding: 3px 8px;
        width: calc(100% - 24px);
      }
    `,
  ];

  /** What is shown beside, to mark it. */
  @property({ attribute: false }) current: View | null = null;
  @state() private looked = '';
  /** What the user has folded or unfolded; it outlives what comes and goes. */
  @state() private folded = new Map<string, boolean>();

  protected override start(): Unwatch[] {
    const running = runningJobs(this.channel);
    return [
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
      allocationsOf(this.channel).known.watch(() => this.requestUpdate()),
      running.state.watch(() => this.requestUpdate()),
      running.use(),
      trackedOf(this.channel).changed.watch(() => this.requestUpdate()),
    ];
  }

  override render(): TemplateResult {
    const all = [...endpointsOf(this.channel).all.value.values()];
    const fits = all.filter(one => one.name.toLowerCase().includes(this.looked.toLowerCase()));
    const names = new Set(fits.map(one => one.name));
    const roots = fits.filter(one => !names.has(one.parent));
    return html`
      ${
        all.length > MANY
          ? html`<input
              type="search"
              placeholder="Find an endpoint"
              aria-label="Find an endpoint"
              .value=${this.looked}
              @input=${(event: InputEvent) => (this.looked = (event.target as HTMLInputElement).value)}
            />`
          : nothing
      }
      ${
        roots.length
          ? this.list(roots, fits, 0, all.length > MANY)
          : html`<p class="notice soft">
              ${all.length ? `No endpoint is called ${this.looked}.` : 'No endpoint is connected yet.'}
            </p>`
      }
    `;
  }

  private list(here: Endpoint[], all: Endpoint[], depth: number, many: boolean): TemplateResult {
    const children = (one: Endpoint) => all.filter(child => child.parent === one.name);
    return html`<ul role="group" .style=${`--depth:${depth}`}>
      ${repeat(
        here,
        one => one.name,
        one =>
          html`<li>
            ${this.line(one, many)}
            ${children(one).length ? this.list(children(one), all, depth + 1, many) : nothing}
          </li>`,
      )}
    </ul>`;
  }

  private line(one: Endpoint, many: boolean): TemplateResult {
    const { mark, tone } = lookOf(one.state);
    const [loaded, failed] = [
      [...one.plugins].filter(([, info]) => info.enabled !== false),
      [...one.plugins].filter(([, info]) => info.enabled === false),
    ];
    const view: View = { view: 'endpoint', endpoint: one.name };
    // Many are folded, but for the one that is looked at.
    const folded = this.folded.get(one.name) ?? (many && this.current?.endpoint !== one.name);
    const fold = () => (this.folded = new Map(this.folded).set(one.name, !folded));
    return html`
      <div class="head">
        <button class="fold" aria-expanded=${!folded} aria-label=${`Plugins of ${one.name}`} @click=${fold}>
          ${folded ? '▸' : '▾'}
        </button>
        <button
          class="line"
          aria-current=${this.isCurrent(view)}
          @click=${() => this.open(view)}
          title=${one.name}
        >
          <span class="mark ${tone}" aria-hidden="true">${mark}</span>
          <span class="name grow cut">${one.name}</span>
          <span class="soft small">${this.health(one)}</span>
        </button>
      </div>
      <p class="facts soft small cut">${this.left(one)}${facts(one)}</p>
      ${
        one.state === 'gone'
          ? html`<p class="facts small">
              <button class="link" @click=${() => endpointsOf(this.channel).dismiss(one.name)}>Forget it</button>
            </p>`
          : folded
            ? nothing
            : html`<ul role="group">
                ${loaded.map(([plugin, info]) => this.pluginLine(one, plugin, info.type, info.ui_config?.['title']))}
                ${failed.map(([plugin, info]) => this.failedLine(one, plugin, info.error ?? ''))}
              </ul>`
      }
    `;
  }

  /** How long its allocation goes on. */
  private left(one: Endpoint): TemplateResult | typeof nothing {
    const end = one.state === 'gone' ? null : allocationsOf(this.channel).of(one)?.end_time;
    // It stands first: names of users and hosts are long, and the line is cut.
    return end ? html`<orbit-ago .channel=${this.channel} .until=${end * 1000}></orbit-ago> left · ` : nothing;
  }

  private pluginLine(one: Endpoint, plugin: string, type: string, title: unknown): TemplateResult {
    const view = pageOf(one.name, plugin, type);
    const counted = type === 'psij' ? runningJobs(this.channel).state.value.counts.get(one.name) : undefined;
    const running = counted ? counted.active + counted.waiting : 0;
    return html`<li>
      <button class="line" aria-current=${this.isCurrent(view)} @click=${() => this.open(view)}>
        <span class="mark"></span
        ><span class="grow cut">${typeof title === 'string' && title ? title : plugin}</span>
        ${running ? html`<span class="soft small" title=${plural(running, 'job') + ' not ended'}>${running}</span>` : nothing}
      </button>
      ${this.tasks(one, plugin, view)}
    </li>`;
  }

  /** What the plugin's own page has begun. */
  private tasks(one: Endpoint, plugin: string, view: View): TemplateResult | typeof nothing {
    const tasks = trackedOf(this.channel).of(one.name, plugin);
    return tasks.length
      ? html`<ul role="group">
          ${tasks.map(({ id, label, state }) => {
            const { mark, tone } = lookOf(state);
            return html`<li>
              <button class="line small" title=${`${id}: ${state}`} @click=${() => this.open(view)}>
                <span class="mark"></span><span class="mark ${tone}" aria-hidden="true">${mark}</span
                ><span class="grow cut">${label || id}</span><span class="soft">${state}</span>
              </button>
            </li>`;
          })}
        </ul>`
      : nothing;
  }

  private failedLine(one: Endpoint, plugin: string, why: string): TemplateResult {
    const view: View = { view: 'endpoint', endpoint: one.name };
    return html`<li>
      <button class="line soft" title=${why} @click=${() => this.open(view)}>
        <span class="mark"></span><span class="grow cut">${plugin}</span><span class="small">not loaded</span>
      </button>
    </li>`;
  }

  private health(one: Endpoint): TemplateResult | string {
    if (one.state === 'present') {
      return one.roundTrip === null ? '' : `${one.roundTrip < 1 ? '<1' : Math.round(one.roundTrip)} ms`;
    }
    const word = one.state === 'gone' ? 'lost' : one.state;
    return one.state === 'gone'
      ? html`${word} <orbit-ago .channel=${this.channel} .since=${one.since}></orbit-ago>`
      : word;
  }

  private isCurrent(view: View): boolean {
    const now = this.current;
    return now?.endpoint === view.endpoint && (now?.plugin ?? '') === (view.plugin ?? '');
  }
}

function facts(one: Endpoint): string {
  if (one.state === 'gone') {
    return 'not connected; it comes back by itself when it runs';
  }
  const allocation = one.jobId ? `job ${one.jobId}` : '';
  const who = one.user && one.hostname ? `${one.user}@${one.hostname.split('.')[0]}` : one.hostname;
  const scheduler = one.scheduler === 'none' ? '' : one.scheduler;
  return [one.state === 'suspect' ? 'does not answer; calls wait' : one.role, scheduler, allocation, who]
    .filter(Boolean)
    .join(' · ');
}
