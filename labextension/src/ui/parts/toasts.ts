/** Short messages at the edge of a page that has no notifications of its own. */

import { css, html, type TemplateResult } from 'lit';
import { state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../define.js';
import { OrbitElement, type Toast } from '../element.js';
import { base, buttons, theme } from '../theme.js';

/** Milliseconds that one stays; an error stays until it is closed. */
const STAY = 7000;
const MOST = 5;

interface Shown extends Toast {
  id: number;
}

@define('orbit-toasts')
export class Toasts extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        position: fixed;
        right: 16px;
        bottom: 16px;
        z-index: 10;
        display: grid;
        gap: 8px;
        max-width: min(420px, calc(100vw - 32px));
      }
      .toast {
        display: flex;
        gap: 10px;
        align-items: baseline;
        padding: 8px 12px;
        background: var(--o-bg);
        border: 1px solid var(--o-border-strong);
        border-left: 4px solid var(--o-accent);
        border-radius: var(--o-radius);
        box-shadow: 0 2px 10px rgb(0 0 0 / 25%);
        overflow-wrap: anywhere;
      }
      .toast + .toast {
        margin-top: 8px;
      }
      .error {
        border-left-color: var(--o-bad);
      }
      .success {
        border-left-color: var(--o-good);
      }
      .warning {
        border-left-color: var(--o-warn);
      }
    `,
  ];

  @state() private shown: Shown[] = [];
  private last = 0;

  add(toast: Toast): void {
    const id = ++this.last;
    this.shown = [...this.shown, { ...toast, id }].slice(-MOST);
    if (toast.level !== 'error') {
      setTimeout(() => this.dismiss(id), STAY);
    }
  }

  override render(): TemplateResult {
    return html`<div role="status" aria-live="polite">
      ${repeat(
        this.shown,
        one => one.id,
        one =>
          html`<div class="toast ${one.level}">
            <span class="grow">${one.text}</span>
            ${one.view ? html`<button class="link" @click=${() => this.follow(one)}>Open</button>` : ''}
            <button class="plain" aria-label="Close" @click=${() => this.dismiss(one.id)}>✕</button>
          </div>`,
      )}
    </div>`;
  }

  private follow(one: Shown): void {
    this.dismiss(one.id);
    if (one.view) {
      this.open(one.view);
    }
  }

  private dismiss(id: number): void {
    this.shown = this.shown.filter(one => one.id !== id);
  }
}
