/** How long something has lasted, or will, which goes on by itself. */

import { html, type TemplateResult } from 'lit';
import { property } from 'lit/decorators.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import type { Unwatch } from '../value.js';
import { duration } from '../text/format.js';

const shown = new Set<Ago>();
let timer: ReturnType<typeof setInterval> | undefined;

@define('orbit-ago')
export class Ago extends OrbitElement {
  static override styles = [];

  /** Milliseconds since the epoch. */
  @property({ type: Number }) since = 0;
  /** In place of `since`: how long it is until then. */
  @property({ type: Number }) until = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    shown.add(this);
    // One clock for all of them; a hidden page's are drawn when it is seen again.
    timer ??= setInterval(() => shown.forEach(one => one.requestUpdate()), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    shown.delete(this);
    if (shown.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  protected override start(): Unwatch[] {
    return [];
  }

  override render(): TemplateResult {
    if (this.until) {
      return html`${duration(Math.max(0, this.until - Date.now()) / 1000)}`;
    }
    return html`${this.since ? duration((Date.now() - this.since) / 1000) : '–'}`;
  }
}
