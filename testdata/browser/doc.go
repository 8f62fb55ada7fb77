// Package browser holds the lane of tests that look at the gateway through a real browser: headless Chromium, driven over
// its own protocol, in front of a gateway on the machine's own Docker engine. It is a module of its own so that the product
// never carries the browser's driver, and it knows the product only by its binary and its answers.
package browser
