// Package attacks makes the updates that hostile nodes of the literature send,
// so that a rule of package robust, a recipe or a whole campaign can be tried
// against all of them. An attacker here knows every honest update, which is the
// strongest assumption the papers make.
//
// Attacks on data (turned labels, backdoors) change what a node trains on and
// are no function of updates; wrong types, replays of old rounds and forged
// signatures are refused at the door. Neither is here.
//
// Sums are float64 in the order of the updates and chance comes from the seed
// alone, so that a study is repeated to the bit.
package attacks

// Scene is what attackers know when they choose what to send.
type Scene struct {
	Honest   [][]float32 // what the honest nodes send, at least one
	Bad      int         // the number of hostile nodes
	Previous []float32   // x_t − x_{t−1}, what the last round changed; nil in the first
	Seed     uint64      // of all chance
}

// Attack is one way to be hostile.
type Attack struct {
	Name   string // a slug, for tables and names of tests
	Source string
	Craft  func(Scene) [][]float32 // returns Bad updates of the honest shape
}

// All returns every attack, in a fixed order.
func All() []Attack {
	return []Attack{
		{"sign-flip", "Li, Xu, Chen, Giannakis, Ling 2019 (RSA)", SignFlip},
		{"scaled-10", "Bagdasaryan et al. 2020 (model replacement)", func(s Scene) [][]float32 { return Scaled(s, 10) }},
		{"scaled-100", "Bagdasaryan et al. 2020 (model replacement)", func(s Scene) [][]float32 { return Scaled(s, 100) }},
		{"gaussian", "Blanchard et al. 2017, section 6", Gaussian},
		{"same-value", "Li et al. 2019 (RSA)", SameValue},
		{"little-is-enough", "Baruch, Baruch, Goldberg 2019", LittleIsEnough},
		{"inner-product", "Xie, Koyejo, Gupta 2020", InnerProduct},
		{"min-max", "Shejwalkar, Houmansadr 2021", MinMax},
		{"free-rider", "Fraboni, Vidal, Lorenzi 2021", FreeRider},
		{"nan", "a broken node", NaN},
		{"duplicates", "one update under many names (Sybil; Douceur 2002)", Duplicates},
	}
}
