import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-system')
export class SystemView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';

  override render(): TemplateResult {
    return html`system ${this.endpoint} ${this.plugin}`;
  }
}
