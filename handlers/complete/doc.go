// Package complete continues texts with the version that is served.
//
// The weights are read once, when the first prompt comes after a version is
// served, and packed for decoding; which version that is, is asked of the
// store with every prompt, so that a withdrawn one answers nothing from the
// moment of its withdrawal. A bounded number of texts is continued at a time;
// the others wait, and leave when their reader has gone.
//
// The same version, prompt, seed and temperature give the same text, on any
// machine: whoever doubts an answer asks again.
package complete
