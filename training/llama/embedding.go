package llama

import "codeberg.org/althing/althing/training/tensor"

// embedForward copies the embedding of every token.
func embedForward(x, embed tensor.Matrix, tokens []int32) {
	for i, t := range tokens {
		copy(x.Row(i), embed.Row(int(t)))
	}
}

// embedBackward adds every row of dx to the gradient of its token, in order of
// positions on one thread, because tokens repeat.
func embedBackward(dembed, dx tensor.Matrix, tokens []int32) {
	for i, t := range tokens {
		tensor.Add(dembed.Row(int(t)), dx.Row(i))
	}
}
