// Package recipes is what people need to choose a recipe of federated
// training: presets for six common situations, a check that refuses choices
// which do not work together and says what to do instead, sentences that
// describe a recipe, and the glossary of its terms with their sources.
//
// protocol.Recipe.Check refuses what no program could carry out, for ever.
// Check here refuses what could be carried out and would not do what its
// authors expect. It is asked when a proposal is written and not afterwards, so
// that better advice never makes an old decision invalid.
package recipes
