/** A `log` monitor: what the plugin tells, line by line, the newest at the end; it follows until one scrolls up. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { base, buttons, theme } from '../../theme.js';
import { time } from '../../text/format.js';
import { shortText } from './values.js';

export interface Line {
  /** Milliseconds since the epoch; 0: not known. */
  time: number;
  topic: string;
  data: unknown;
}

/** Lines that are kept, and those that are shown. */
const KEPT = 5000;
const SHOWN = 200;

export class Lines {
  private all: Line[] = [];
  /** Lines that there have been. */
  count = 0;

  add(line: Line): void {
    this.all.push(line);
    this.count += 1;
    if (this.all.length > 2 * KEPT) {
      this.all = this.all.slice(-KEPT); // now and then, not for each line
    }
  }

  last(number: number): Line[] {
    return this.all.slice(-Math.min(number, KEPT));
  }
}

/** Lines in what a route answers: a text, a list, or an object with one of these. */
export function linesIn(answer: unknown): Line[] {
  if (typeof answer === 'string') {
    return answer.split('\n').map(text => ({ time: 0, topic: '', data: text }));
  }
  if (Array.isArray(answer)) {
    return answer.map((data: unknown) => ({ time: timeOf(data), topic: '', data }));
  }
  const inside = Object.values(answer ?? {}).find(one => Array.isArray(one) || typeof one === 'string');
  return inside === undefined ? [] : linesIn(inside);
}

function timeOf(data: unknown): number {
  const seconds = (data as { time?: unknown } | null)?.time;
  return typeof seconds === 'number' ? seconds * 1000 : 0;
}

@define('orbit-log-lines')
export class LogLines extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        position: relative;
      }
      .lines {
        max-height: var(--o-rows-height, min(40vh, 420px));
        overflow: auto;
        padding: 6px 14px;
      }
      .line {
        display: grid;
        grid-template-columns: auto auto minmax(0, 1fr);
        gap: 0 12px;
        padding: 1px 0;
      }
      .line .text {
        grid-column: 3;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .follow {
        position: absolute;
        right: 18px;
        bottom: 8px;
      }
    `,
  ];

  @property({ attribute: false }) lines = new Lines();
  @property({ attribute: false }) version = 0;
  @property({ attribute: false }) empty = '';

  @state() private following = true;
  @query('.lines') private box!: HTMLElement | null;

  override render(): TemplateResult {
    const shown = this.lines.last(SHOWN);
    if (!shown.length) {
      return html`<div class="notice soft">
        ${this.empty || 'Nothing has been told yet; it appears here by itself.'}
      </div>`;
    }
    return html`<div class="lines" role="log" tabindex="0" aria-label="Log" @scroll=${this.scrolled}>
        ${
          this.lines.count > shown.length
            ? html`<p class="soft small">… the last ${SHOWN} of ${this.lines.count.toLocaleString()}</p>`
            : nothing
        }
        ${shown.map(
          line =>
            html`<div class="line mono">
              <span class="soft">${line.time ? time(line.time) : ''}</span><span>${line.topic}</span
              ><span class="text">${shortText(line.data)}</span>
            </div>`,
        )}
      </div>
      ${
        this.following
          ? nothing
          : html`<button class="follow" @click=${() => (this.following = true)}>Follow the newest</button>`
      }`;
  }

  protected override updated(): void {
    if (this.following && this.box) {
      this.box.scrollTop = this.box.scrollHeight;
    }
  }

  private scrolled = (): void => {
    const box = this.box!;
    this.following = box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-log-lines': LogLines;
  }
}
