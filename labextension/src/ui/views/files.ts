import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-files')
export class FilesView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';

  override render(): TemplateResult {
    return html`files ${this.endpoint} ${this.plugin}`;
  }
}
