// Runs after d3 3.5 and jQuery, before bertviz: gives bertviz what it would have loaded from a CDN.
d3.schemeCategory10 = d3.scale.category10().range();
d3.scaleOrdinal = (colours) => d3.scale.ordinal().range(colours);
d3.line = d3.svg.line;
window.require = { config() {} };
const libraries = { jquery: window.jQuery, d3: window.d3 };
window.requirejs = (names, run) => run(...names.map((name) => libraries[name]));
