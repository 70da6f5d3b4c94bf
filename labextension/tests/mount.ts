/** Put an element on the page, wait for it, and take it away again. */

import { html, render, type TemplateResult } from 'lit';
import { afterEach } from 'vitest';

const places: HTMLElement[] = [];

afterEach(() => {
  for (const place of places.splice(0)) {
    render(html``, place);
    place.remove();
  }
});

export async function mount<T extends HTMLElement>(template: TemplateResult): Promise<T> {
  const place = document.createElement('div');
  document.body.append(place);
  places.push(place);
  render(template, place);
  const element = place.firstElementChild as T;
  await settled();
  return element;
}

/** Wait until all that is under way here has been drawn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) {
    await new Promise(resolve => setTimeout(resolve, 0));
    await new Promise(requestAnimationFrame);
  }
}

/** Return all text in an element, its shadow roots' included. */
export function textOf(node: Node): string {
  if (node instanceof Text) {
    return node.data;
  }
  if (node instanceof HTMLStyleElement) {
    return '';
  }
  const root = node instanceof Element ? node.shadowRoot : null;
  return [...(root ?? node).childNodes].map(textOf).join(' ').replace(/\s+/g, ' ');
}

/** Find elements, also in shadow roots. */
export function all(root: ParentNode, selector: string): HTMLElement[] {
  const found = [...root.querySelectorAll<HTMLElement>(selector)];
  for (const element of root.querySelectorAll<HTMLElement>('*')) {
    if (element.shadowRoot) {
      found.push(...all(element.shadowRoot, selector));
    }
  }
  if (root instanceof Element && root.shadowRoot) {
    found.push(...all(root.shadowRoot, selector));
  }
  return found;
}
