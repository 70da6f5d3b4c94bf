/** What all of the renderer's elements have in common. */

import { html, LitElement, render, type CSSResultGroup, type PropertyValues } from 'lit';
import { property } from 'lit/decorators.js';

import type { Channel } from './channel/channel.js';
import { copyText } from './clipboard.js';
import type { Unwatch } from './value.js';
import { base, theme } from './theme.js';
import type { View } from './wire/types.js';

/**
 * Draws at most once an animation frame, and not at all while it can't be seen. Whatever `start` returns is taken
 * back when the element goes away or its channel changes.
 */
export class OrbitElement extends LitElement {
  static override styles: CSSResultGroup = [theme, base];

  @property({ attribute: false }) channel!: Channel;

  private running: Unwatch[] = [];
  private runsFor: unknown[] | null = null;
  /** Lets an update go on that waits until it can be seen. */
  private goOn: (() => void) | null = null;

  /** Begin to listen; return what ends that. Called again when one of `sources` is another. */
  protected start(): Unwatch[] {
    return [];
  }

  /** What `start` depends on. */
  protected sources(): unknown[] {
    return [this.channel];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) {
      this.requestUpdate(); // it was moved: what has been stopped begins again
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
    this.goOn?.();
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const now = this.sources();
    if (this.isConnected && this.channel && !(this.runsFor && same(this.runsFor, now))) {
      this.stop();
      this.runsFor = now;
      this.running = this.start();
    }
  }

  protected override async scheduleUpdate(): Promise<void> {
    if (this.hasUpdated) {
      await new Promise(requestAnimationFrame);
      await this.visible();
    }
    await super.scheduleUpdate();
  }

  /** An endpoint may say anything: what can't be drawn is said in its place, and tried anew with the next news. */
  protected override performUpdate(): void {
    try {
      super.performUpdate();
    } catch (error) {
      console.error(error);
      const why = error instanceof Error ? error.message : String(error);
      const words = html`<p class="notice bad" role="alert">
        ✕ This can’t be drawn: what the endpoint says isn’t as it should be (${why}). It is tried again with the
        next news.
      </p>`;
      render(words, this.renderRoot, this.renderOptions);
    }
  }

  /** Tell who holds this element what to show next. */
  protected open(view: View): void {
    this.dispatchEvent(new CustomEvent<View>('orbit-open', { detail: view, bubbles: true, composed: true }));
  }

  /** Tell the user something that they may see wherever they are. */
  protected toast(text: string, level: Toast['level'] = 'info', view?: View): void {
    const detail: Toast = view ? { text, level, view } : { text, level };
    this.dispatchEvent(new CustomEvent<Toast>('orbit-toast', { detail, bubbles: true, composed: true }));
  }

  /** Copy a text, and say so; where the browser doesn't let us, say what can be done. */
  protected copy(text: string, done: string, otherwise = `It can’t be copied here: ${text}`): void {
    void copyText(text).then(
      () => this.toast(done, 'success'),
      () => this.toast(otherwise, 'warning'),
    );
  }

  /** Offer code: a host that has a notebook makes a cell of it, another copies it. */
  protected offerCode(code: string): void {
    this.dispatchEvent(new CustomEvent<string>('orbit-code', { detail: code, bubbles: true, composed: true }));
  }

  private stop(): void {
    this.runsFor = null;
    const running = this.running;
    this.running = [];
    for (const end of running) {
      end();
    }
  }

  private visible(): Promise<void> {
    if (!this.isConnected || typeof IntersectionObserver === 'undefined' || this.checkVisibility()) {
      return Promise.resolve();
    }
    return new Promise(resolve => {
      const observer = new IntersectionObserver(entries => {
        if (entries.some(entry => entry.isIntersecting)) {
          this.goOn?.();
        }
      });
      this.goOn = () => {
        this.goOn = null;
        observer.disconnect();
        resolve();
      };
      observer.observe(this);
    });
  }
}

export interface Toast {
  text: string;
  level: 'info' | 'success' | 'warning' | 'error';
  /** What a click opens. */
  view?: View;
}

function same(one: unknown[], other: unknown[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

interface OrbitEvents {
  'orbit-open': CustomEvent<View>;
  'orbit-toast': CustomEvent<Toast>;
  'orbit-code': CustomEvent<string>;
  'orbit-view': CustomEvent<View>;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface HTMLElementEventMap extends OrbitEvents {}
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface DocumentEventMap extends OrbitEvents {}
}
