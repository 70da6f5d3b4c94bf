import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-map')
export class MapView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';

  override render(): TemplateResult {
    return html`map ${this.endpoint} ${this.plugin}`;
  }
}
