/** The tree: bridge, endpoints with their plugins, and under each the endpoints that were launched from it. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { OrbitElement } from '../element.js';
import '../parts/ago.js';
import { lookOf } from '../parts/states.js';
import { pageOf } from '../pages.js';
import { endpointsOf, type Endpoint } from '../state/endpoints.js';
import type { Unwatch } from '../state/value.js';
import { base, buttons, theme } from '../theme.js';
import type { View } from '../wire/types.js';

/** More endpoints than this get a field to look for one. */
const MANY = 8;

@customElement('orbit-endpoints')
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
        padding: 3px 12px 3px calc(10px + var(--depth, 0) * 14px);
        min-height: 26px;
      }
      .line[aria-current='true'] {
        background: var(--o-select);
        border-left-color: var(--o-accent);
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
        padding: 0 12px 4px calc(31px + var(--depth, 0) * 14px);
      }
      input {
        font: inherit;
        color: inherit;
        background: var(--o-bg);
        border: 1px solid var(--o-border-strong);
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
  @state() private closed = new Set<string>();

  protected override start(): Unwatch[] {
    return [endpointsOf(this.channel).all.watch(() => this.requestUpdate())];
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
          ? this.list(roots, fits, 0)
          : html`<p class="notice soft">
              ${all.length ? `No endpoint is called ${this.looked}.` : 'No endpoint is connected yet.'}
            </p>`
      }
    `;
  }

  private list(here: Endpoint[], all: Endpoint[], depth: number): TemplateResult {
    return html`<ul role="group" .style=${`--depth:${depth}`}>
      ${repeat(
        here,
        one => one.name,
        one =>
          html`<li>
            ${this.line(one)}
            ${
              this.closed.has(one.name)
                ? nothing
                : this.list(
                    all.filter(child => child.parent === one.name),
                    all,
                    depth + 1,
                  )
            }
          </li>`,
      )}
    </ul>`;
  }

  private line(one: Endpoint): TemplateResult {
    const { mark, tone } = lookOf(one.state);
    const [loaded, failed] = [
      [...one.plugins].filter(([, info]) => info.enabled !== false),
      [...one.plugins].filter(([, info]) => info.enabled === false),
    ];
    const view: View = { view: 'endpoint', endpoint: one.name };
    return html`
      <button class="line" aria-current=${this.isCurrent(view)} @click=${() => this.open(view)} title=${one.name}>
        <span class="mark ${tone}" aria-hidden="true">${mark}</span>
        <span class="name grow cut">${one.name}</span>
        <span class="soft small">${this.health(one)}</span>
      </button>
      <p class="facts soft small cut">${facts(one)}</p>
      ${
        one.state === 'gone'
          ? html`<p class="facts small">
              <button class="link" @click=${() => endpointsOf(this.channel).dismiss(one.name)}>Forget it</button>
            </p>`
          : html`<ul role="group">
              ${loaded.map(([plugin, info]) => this.pluginLine(one, plugin, info.type, info.ui_config?.['title']))}
              ${failed.map(([plugin, info]) => this.failedLine(one, plugin, info.error ?? ''))}
            </ul>`
      }
    `;
  }

  private pluginLine(one: Endpoint, plugin: string, type: string, title: unknown): TemplateResult {
    const view = pageOf(one.name, plugin, type);
    return html`<li>
      <button class="line" aria-current=${this.isCurrent(view)} @click=${() => this.open(view)}>
        <span class="mark"></span
        ><span class="grow cut">${typeof title === 'string' && title ? title : plugin}</span>
      </button>
    </li>`;
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
