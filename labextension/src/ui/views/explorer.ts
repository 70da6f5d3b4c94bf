/** All views behind one tree: the Explorer page, and the same in a cell. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { disconnected } from '../parts/notice.js';
import { plural } from '../text/format.js';
import { titleOf } from '../pages.js';
import { show } from '../show.js';
import { endpointsOf } from '../state/endpoints.js';
import type { Unwatch } from '../value.js';
import { base, buttons, theme } from '../theme.js';
import type { View } from '../wire/types.js';
import './endpoints.js';

/** Views that say themselves what they are. */
const HEADED = new Set<View['view']>(['jobs', 'monitor', 'plugin', 'queues']);

@define('orbit-explorer')
export class Explorer extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        background: var(--o-bg);
        container-type: inline-size;
        min-height: 420px;
      }
      .shell {
        display: grid;
        grid-template: auto minmax(0, 1fr) / auto minmax(0, 1fr);
        grid-template-areas: 'head head' 'tree main';
        height: 100%;
        min-height: inherit;
      }
      .top {
        grid-area: head;
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 7px 16px;
        border-bottom: 1px solid var(--o-border);
        min-width: 0;
      }
      nav {
        grid-area: tree;
        border-right: 1px solid var(--o-border);
        padding: 8px 0;
        overflow: auto;
        resize: horizontal;
        width: 264px;
        min-width: 160px;
        max-width: 50cqw;
      }
      main {
        grid-area: main;
        padding: 16px 20px;
        overflow: auto;
        min-width: 0;
      }
      .menu {
        display: none;
      }
      @container (max-width: 640px) {
        .shell {
          grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
          grid-template-areas: 'head' 'main';
        }
        .top {
          flex-wrap: wrap;
          gap: 8px;
        }
        .wide {
          display: none;
        }
        nav {
          grid-area: main;
          border-right: 0;
          width: auto;
          max-width: none;
          background: var(--o-bg);
          z-index: 1;
        }
        nav:not(.open) {
          display: none;
        }
        .menu {
          display: inline-block;
          margin-right: auto;
        }
        main {
          padding: 12px;
        }
      }
    `,
  ];

  @property({ attribute: false }) view: View = { view: 'map' };
  @state() private menu = false;

  protected override start(): Unwatch[] {
    return [
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
      this.channel.connection.watch(() => this.requestUpdate()),
      this.channel.bridge.watch(() => this.requestUpdate()),
    ];
  }

  override render(): TemplateResult {
    const endpoints = [...endpointsOf(this.channel).all.value.values()];
    const here = endpoints.filter(one => one.state !== 'gone').length;
    const away = endpoints.length - here;
    const lost = away ? html` · <span class="bad">${away} lost</span>` : nothing;
    const state = this.channel.connection.value;
    return html`<div class="shell">
      <div class="top" @orbit-open=${this.opened}>
        <button class="menu" aria-expanded=${this.menu} @click=${() => (this.menu = !this.menu)}>
          ☰ Endpoints${lost}
        </button>
        <strong class="wide">Orbit</strong>
        <span class="soft cut grow wide"
          >${where(this.channel.bridge.value?.url)} ${plural(here, 'endpoint')}${lost}</span
        >
        ${this.channel.kind === 'comm' ? html`<span class="soft small">through the kernel</span>` : nothing}
        <button @click=${() => this.goTo({ view: 'join' })}>Join<span class="wide"> a cluster</span>…</button>
        <button @click=${() => this.goTo({ view: 'map' })}>Map</button>
        <button @click=${() => this.goTo({ view: 'log' })}>Log</button>
      </div>
      <nav class=${this.menu ? 'open' : ''} aria-label="Endpoints" @orbit-open=${this.opened}>
        <orbit-endpoints .channel=${this.channel} .current=${this.view}></orbit-endpoints>
      </nav>
      <main @orbit-open=${this.opened}>
        ${HEADED.has(this.view.view) ? nothing : html`<h1 class="only-read">${titleOf(this.view)}</h1>`}
        ${state.kind === 'connected' ? nothing : disconnected(state)} ${show(this.view, this.channel)}
      </main>
    </div>`;
  }

  /** Show another view; a page that keeps it in its address is told. */
  goTo(view: View): void {
    this.menu = false;
    this.view = view;
    this.dispatchEvent(new CustomEvent<View>('orbit-view', { detail: view }));
  }

  private opened = (event: CustomEvent<View>): void => {
    event.stopPropagation();
    this.goTo(event.detail);
  };
}

function where(url: string | undefined): string {
  try {
    return url ? `bridge on ${new URL(url).hostname} ·` : '';
  } catch {
    return '';
  }
}
