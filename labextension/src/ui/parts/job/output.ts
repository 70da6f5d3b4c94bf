/** Text that a job writes, which follows its end until the reader scrolls up. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { asShown, Tail, type Block } from '../../state/tail.js';
import { base, buttons, theme } from '../../theme.js';
import { bytes } from '../../text/format.js';

/** Pixels from the end within which it counts as the end. */
const NEAR = 12;

@define('orbit-output')
export class Output extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        position: relative;
        min-width: 0;
      }
      .text {
        max-height: var(--o-output-height, 320px);
        min-height: 4.5em;
        overflow: auto;
        padding: 10px 14px;
        background: var(--o-bg-soft);
      }
      .text:focus-visible {
        outline-offset: -2px;
      }
      .resume {
        position: absolute;
        right: 18px;
        bottom: 10px;
      }
    `,
  ];

  @property({ attribute: false }) tail = new Tail();
  /** Changes with what is in `tail`. */
  @property({ attribute: false }) version = 0;
  @property() label = '';
  @property() empty = '';
  /** Whether more may come. */
  @property({ type: Boolean }) live = false;
  @state() private follows = true;
  @query('.text') private scroller!: HTMLElement | null;
  private lastTop = 0;
  private shown = new WeakMap<Block, string>();

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (changed.has('tail')) {
      this.follows = true;
    }
  }

  protected override updated(): void {
    if (this.follows) {
      this.toEnd();
    }
  }

  override render(): TemplateResult {
    const { blocks, left } = this.tail;
    return html`<div
        class="text"
        role="log"
        aria-live="off"
        aria-label=${this.label}
        tabindex="0"
        @scroll=${this.scrolled}
      >
        ${left ? html`<p class="soft small">The ${bytes(left)} before this are left out here.</p>` : nothing}
        ${repeat(
          blocks,
          block => block.id,
          block => html`<pre>${this.textOf(block)}</pre>`,
        )}
        ${blocks.length ? nothing : html`<p class="soft">${this.empty}</p>`}
      </div>
      ${
        this.live && !this.follows
          ? html`<button class="resume" @click=${this.resume}>↓ Follow the end</button>`
          : nothing
      }`;
  }

  private textOf(block: Block): string {
    let text = this.shown.get(block);
    if (text === undefined) {
      this.shown.set(block, (text = asShown(block.text)));
    }
    return text;
  }

  private scrolled = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller!;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (atEnd) {
      this.change(true);
    } else if (scrollTop < this.lastTop) {
      this.change(false); // what comes in never scrolls up
    }
    this.lastTop = scrollTop;
  };

  private resume = (): void => {
    this.change(true);
    this.toEnd();
  };

  private change(follows: boolean): void {
    if (follows !== this.follows) {
      this.follows = follows;
      this.dispatchEvent(new CustomEvent<boolean>('orbit-follows', { detail: follows }));
    }
  }

  private toEnd(): void {
    if (this.scroller) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.lastTop = this.scroller.scrollTop;
    }
  }
}

interface OutputEvents {
  'orbit-follows': CustomEvent<boolean>;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-output': Output;
  }
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface HTMLElementEventMap extends OutputEvents {}
}
