/** As Lit's `customElement`, for a page that has the renderer twice: JupyterLab's own, and the one of a cell. */

/** Name an element; whoever comes second leaves the first one's. */
export function define(name: string) {
  return (element: CustomElementConstructor): void => {
    if (!customElements.get(name)) {
      customElements.define(name, element);
    }
  };
}
