/* The rules for the page's scripts and for what tests them; tests/page/test_js_house.py holds what Python relies on.
 * From the root: tests/page/node_modules/.bin/eslint --config tests/page/eslint.config.js quantstudy/show tests/page */

import js from "@eslint/js";
import globals from "globals";

function off(names) {
  return Object.fromEntries(Object.keys(names).map((name) => [name, "off"]));
}

export default [
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "default-case-last": "error",
      "eqeqeq": "error",
      "max-len": ["error", { code: 120 }],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", 60],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-self-compare": "off", // x !== x is how a NaN is found
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportAllDeclaration", message: "Python strips `export` before function, const and class only." },
        { selector: "ExportNamedDeclaration[declaration=null]", message: "Write `export` before what is declared." },
        { selector: "ImportDefaultSpecifier[parent.source.value=/^\\./]", message: "Import { names } only." },
        { selector: "ImportNamespaceSpecifier[parent.source.value=/^\\./]", message: "Import { names } only." },
      ],
    },
  },
  {
    files: ["quantstudy/show/page/js/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Use textContent." },
        { property: "outerHTML", message: "Use textContent." },
        { property: "insertAdjacentHTML", message: "Use createElement." },
      ],
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true } }],
      "no-restricted-globals": ["error", "fetch", "localStorage", "sessionStorage", "indexedDB", "event", "name"],
      "no-console": "error",
      "no-alert": "error",
    },
  },
  { files: ["quantstudy/show/page/js/served/reload.js"], rules: { "no-restricted-globals": "off" } },
  {
    files: ["quantstudy/show/page/js/numbers/**/*.js"],
    languageOptions: { globals: { ...off(globals.browser), atob: "readonly" } },
  },
  { files: ["tests/page/**/*.js", "tests/page/**/*.mjs"], languageOptions: { globals: globals.node } },
];
