/** The beginning of a file, where it is text. */

import { Task } from '@lit/task';
import { css, html, nothing, type TemplateResult } from 'lit';
import { property } from 'lit/decorators.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { RemoteFiles, type Preview } from '../../state/remote-files.js';
import { base, buttons, theme } from '../../theme.js';
import { bytes } from '../../text/format.js';
import { nameOf } from '../../text/paths.js';
import { shown } from '../notice.js';

@define('orbit-preview')
export class PreviewPart extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      h2 {
        flex: 1 1 9em;
      }
      .size {
        white-space: nowrap;
      }
      pre {
        padding: 10px 14px;
        max-height: 360px;
        overflow: auto;
        background: var(--o-bg-soft);
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  @property() path = '';
  @property({ type: Number }) size: number | null = null;

  private reading = new Task(this, {
    args: () => [this.channel, this.endpoint, this.plugin, this.path, this.size] as const,
    task: async ([channel, endpoint, plugin, path, size], { signal }) => {
      const files = new RemoteFiles(channel, endpoint, plugin);
      return { path, ...(await files.preview(path, size, signal)) };
    },
  });

  override render(): TemplateResult {
    return html`<section class="card" aria-label="Preview">
      <header>
        <h2 class="cut" title=${this.path}>${nameOf(this.path)}</h2>
        <span class="soft size">${bytes(this.size)}</span>
        <slot></slot>
      </header>
      ${shown(
        this.reading,
        preview => (preview.path === this.path ? this.content(preview) : html``),
        () => void this.reading.run(),
      )}
    </section>`;
  }

  private content({ text, whole }: Preview): TemplateResult {
    if (text === null) {
      return html`<p class="notice soft">It isn’t text. Download it to look at it.</p>`;
    }
    if (!text) {
      return html`<p class="notice soft">The file is empty.</p>`;
    }
    return html`<pre tabindex="0">${text}</pre>
      ${whole ? nothing : html`<footer class="soft">The first 64 KiB. Download it for the rest.</footer>`}`;
  }
}
