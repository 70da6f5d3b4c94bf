/** Notifications of all endpoints as they come, with what was missed. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { plural, time } from '../text/format.js';
import { isBusy, KEPT, logOf, summary, type LogLine } from '../state/log.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, theme } from '../theme.js';

/** Pixels of a line, where it is wide and where it is narrow; of a line of JSON, and of all of them at most. */
const WIDE = 28;
const NARROW = 48;
const NARROW_BELOW = 620;
const JSON_LINE = 18;
const JSON_MOST = 300;
const SUPPOSED = 600;

type Part = 'endpoint' | 'plugin' | 'topic';

@define('orbit-log')
export class LogView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    css`
      :host {
        container-type: inline-size;
      }
      .filters {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        padding: 10px 14px;
        border-bottom: 1px solid var(--o-border);
      }
      .filters input[type='search'] {
        flex: 2 1 160px;
        width: auto;
      }
      .filters select {
        flex: 1 1 90px;
        width: auto;
      }
      .filters label {
        display: flex;
        align-items: center;
        gap: 6px;
        margin: 0;
      }
      .scroll {
        height: var(--o-rows-height, min(64vh, 680px));
        min-height: 160px;
        overflow: auto;
        position: relative;
        overflow-anchor: none;
      }
      .all {
        position: relative;
      }
      .line {
        position: absolute;
        left: 0;
        right: 0;
        top: 0;
        border-bottom: 1px solid var(--o-border);
        overflow: hidden;
      }
      .line > button {
        all: unset;
        box-sizing: border-box;
        display: grid;
        grid-template-columns: 7.5em 7em 6em 7em minmax(0, 1fr);
        gap: 0 12px;
        align-items: center;
        width: 100%;
        height: 27px;
        padding: 0 14px;
        cursor: pointer;
      }
      .line > button:hover {
        background: var(--o-bg-soft);
      }
      .line > button:focus-visible {
        outline: 2px solid var(--o-accent);
        outline-offset: -2px;
      }
      .line.gap,
      .line.bridge {
        padding: 4px 14px;
        background: var(--o-bg-soft);
      }
      .time {
        font-variant-numeric: tabular-nums;
      }
      .what {
        font-family: var(--o-mono);
        font-size: 0.94em;
      }
      pre {
        margin: 0 14px 6px;
        padding: 6px 10px;
        background: var(--o-bg-soft);
        border-radius: 4px;
        overflow: auto;
        line-height: 18px;
      }
      @container (max-width: 620px) {
        .line > button {
          grid-template-columns: auto auto auto minmax(0, 1fr);
          height: 47px;
        }
        .line > button > .what {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  @state() private text = '';
  @state() private chosen: Record<Part, string> = { endpoint: '', plugin: '', topic: '' };
  @state() private busy = false;
  /** What is shown while it stands still. */
  @state() private paused: readonly LogLine[] | null = null;
  @state() private following = true;
  @query('.scroll') private scroller!: HTMLElement | null;

  private lines: readonly LogLine[] = [];
  private opened = new Set<number>();
  private width = 0;
  private top = 0;
  private told = new WeakMap<LogLine, string>();
  private unmount: (() => void) | null = null;
  private virtual = new Virtualizer<HTMLElement, HTMLElement>(this.options());

  override connectedCallback(): void {
    super.connectedCallback();
    this.unmount = this.virtual._didMount();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unmount?.();
    this.unmount = null;
  }

  protected override start(): Unwatch[] {
    const log = logOf(this.channel).begin();
    return [
      log.changed.watch(() => {
        if (!this.paused) {
          this.requestUpdate();
        }
      }),
    ];
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    this.lines = this.from().filter(line => this.fits(line));
    this.virtual.setOptions(this.options());
  }

  protected override updated(): void {
    this.virtual._willUpdate();
    if (this.following && this.scroller) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.top = this.scroller.scrollTop;
    }
  }

  override render(): TemplateResult {
    const all = this.from();
    const filtered = this.text || Object.values(this.chosen).some(Boolean);
    return html`<section class="card">
      <header>
        <h2>Log</h2>
        <span class="soft grow"
          >${filtered ? `${this.lines.length.toLocaleString()} of ` : ''}${plural(all.length, 'event')}${
            all.length >= KEPT ? ', the latest' : ''
          }</span
        >
        <button aria-pressed=${this.paused !== null} @click=${this.pause}>
          ${this.paused ? 'Go on' : 'Pause'}
        </button>
        <button @click=${this.clear}>Clear</button>
      </header>
      <div class="filters">
        <input
          type="search"
          placeholder="Find in all"
          aria-label="Find in all"
          .value=${this.text}
          @input=${(event: InputEvent) => (this.text = (event.target as HTMLInputElement).value.toLowerCase())}
        />
        ${this.choice('endpoint', 'All endpoints', all)} ${this.choice('plugin', 'All plugins', all)}
        ${this.choice('topic', 'All topics', all)}
        <label
          ><input
            type="checkbox"
            .checked=${this.busy}
            @change=${(event: Event) => (this.busy = (event.target as HTMLInputElement).checked)}
          />Metrics and job output</label
        >
      </div>
      <div class="scroll" tabindex="0" role="list" aria-label="Events" @scroll=${this.scrolled}>
        <div class="all" .style=${`height:${this.virtual.getTotalSize()}px`}>
          ${repeat(
            this.virtual.getVirtualItems(),
            item => item.key,
            item => this.line(this.lines[item.index], item.index, item.start, item.size),
          )}
        </div>
        ${this.lines.length ? nothing : this.nothing(all.length)}
      </div>
      ${
        this.following || !this.lines.length
          ? nothing
          : html`<footer>
              <span class="soft grow">Not following: new events come below.</span>
              <button @click=${() => (this.following = true)}>↓ Follow</button>
            </footer>`
      }
    </section>`;
  }

  private nothing(number: number): TemplateResult {
    return html`<p class="notice soft">
      ${
        number
          ? 'No event is like that. Take a filter off.'
          : `What endpoints tell from now on comes here: jobs that change their state, transfers, endpoints that
             come and go. It is kept for as long as this page is open.`
      }
    </p>`;
  }

  private choice(part: Part, all: string, lines: readonly LogLine[]): TemplateResult {
    const names = new Set(lines.map(line => line[part]));
    names.add(this.chosen[part]);
    names.delete('');
    return html`<select
      aria-label=${all}
      @change=${(event: Event) => {
        this.chosen = { ...this.chosen, [part]: (event.target as HTMLSelectElement).value };
      }}
    >
      <option value="">${all}</option>
      ${[...names]
        .sort()
        .map(name => html`<option .value=${name} .selected=${name === this.chosen[part]}>${name}</option>`)}
    </select>`;
  }

  private line(
    line: LogLine | undefined,
    index: number,
    top: number,
    size: number,
  ): TemplateResult | typeof nothing {
    if (!line) {
      return nothing;
    }
    const open = this.opened.has(line.id);
    const place = `transform:translateY(${top}px);height:${size}px`;
    if (line.kind !== 'event') {
      const mark = line.kind === 'gap' ? '⋯' : '◐';
      return html`<div
        class="line cut ${line.kind} ${line.kind === 'gap' ? 'warn' : 'soft'}"
        role="listitem"
        .style=${place}
      >
        <span aria-hidden="true">${mark}</span> ${time(line.time)} · ${line.text}
      </div>`;
    }
    return html`<div
      class="line"
      role="listitem"
      aria-posinset=${index + 1}
      aria-setsize=${this.lines.length}
      .style=${place}
    >
      <button aria-expanded=${open} @click=${() => this.toggle(line)}>
        <span class="soft cut time">${time(line.time)}</span>
        <span class="cut" title=${line.endpoint}>${line.endpoint}</span>
        <span class="cut soft" title=${line.plugin}>${line.plugin}</span>
        <span class="cut soft" title=${line.topic}>${line.topic}</span>
        <span class="cut what">${summary(line.data)}</span>
      </button>
      ${open ? html`<pre tabindex="0" .style=${`height:${heightOf(line)}px`}>${jsonOf(line)}</pre>` : nothing}
    </div>`;
  }

  private from(): readonly LogLine[] {
    return this.paused ?? logOf(this.channel).lines(this.busy || isBusy(this.chosen.topic));
  }

  private fits(line: LogLine): boolean {
    const { endpoint, plugin, topic } = this.chosen;
    if (
      (endpoint && line.endpoint !== endpoint) ||
      (plugin && line.plugin !== plugin) ||
      (topic && line.topic !== topic)
    ) {
      return false;
    }
    return !this.text || this.wordsOf(line).includes(this.text);
  }

  private wordsOf(line: LogLine): string {
    let words = this.told.get(line);
    if (words === undefined) {
      const { endpoint, plugin, topic, text, data } = line;
      words = [endpoint, plugin, topic, text, data ? JSON.stringify(data) : ''].join(' ').toLowerCase();
      this.told.set(line, words);
    }
    return words;
  }

  private toggle(line: LogLine): void {
    if (!this.opened.delete(line.id)) {
      this.opened.add(line.id);
      this.following = false; // it is to be read, so it stays where it is
    }
    this.virtual.measure();
    this.requestUpdate();
  }

  private pause = (): void => {
    this.paused = this.paused ? null : this.from();
  };

  private clear = (): void => {
    logOf(this.channel).clear();
    this.opened.clear();
    this.paused = null;
    this.following = true;
    this.virtual.measure();
  };

  private scrolled = (): void => {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller!;
    if (scrollTop < this.top) {
      this.following = false; // what has come below moves nothing; this was somebody
    } else if (scrollTop + clientHeight >= scrollHeight - 4) {
      this.following = true;
    }
    this.top = scrollTop;
  };

  private sizeOf(index: number): number {
    const line = this.lines[index];
    const plain = this.width && this.width < NARROW_BELOW ? NARROW : WIDE;
    return line && this.opened.has(line.id) ? plain + heightOf(line) + 6 : line?.kind === 'event' ? plain : WIDE;
  }

  private options() {
    return {
      count: this.lines?.length ?? 0,
      getScrollElement: () => this.scroller ?? null,
      getItemKey: (index: number) => this.lines[index]?.id ?? index,
      estimateSize: (index: number) => this.sizeOf(index),
      overscan: 8,
      initialRect: { width: 0, height: SUPPOSED },
      scrollToFn: elementScroll,
      observeElementOffset,
      observeElementRect: (
        instance: Virtualizer<HTMLElement, HTMLElement>,
        told: (rect: { width: number; height: number }) => void,
      ) =>
        observeElementRect(instance, rect => {
          const narrower = rect.width < NARROW_BELOW !== this.width < NARROW_BELOW;
          this.width = rect.width;
          if (narrower) {
            instance.measure();
          }
          told({ ...rect, height: rect.height || SUPPOSED });
        }),
      onChange: () => this.requestUpdate(),
    };
  }
}

function jsonOf(line: LogLine): string {
  return JSON.stringify(line.data, null, 2);
}

function heightOf(line: LogLine): number {
  return Math.min(JSON_MOST, jsonOf(line).split('\n').length * JSON_LINE + 12);
}
