package llama

import "codeberg.org/althing/althing/training/tensor"

// cacheTokens is how many tokens the cache grows by: a short text in a model
// of a long context takes little memory.
const cacheTokens = 128

// cache holds the keys and values of one layer by key/value group and block of
// cacheTokens tokens: keys as D × tokens, values as tokens × D, both as the
// kernels read them.
type cache struct{ keys, values [][]*tensor.Panels }

func newCache(c Config) cache {
	return cache{make([][]*tensor.Panels, c.KVHeads), make([][]*tensor.Panels, c.KVHeads)}
}

// put writes key and value of the token at a position.
func (c *cache) put(group, at int, key, value []float32) {
	block := at / cacheTokens
	if block == len(c.keys[group]) {
		c.keys[group] = append(c.keys[group], tensor.NewPanels(len(key), cacheTokens))
		c.values[group] = append(c.values[group], tensor.NewPanels(cacheTokens, len(value)))
	}
	c.keys[group][block].SetColumn(at%cacheTokens, key)
	c.values[group][block].SetRow(at%cacheTokens, value)
}

// attend sets o to the attention of one head's query q over the first seen
// tokens of a group; p is scratch of at least seen. A chain over the values goes
// on from block to block, so blocks change no bit.
func (c *cache) attend(o, q, p []float32, group, seen int, scale float32) {
	p = p[:seen]
	row := tensor.Mat(q, 1, len(q))
	for from := 0; from < seen; from += cacheTokens {
		n := min(cacheTokens, seen-from)
		c.keys[group][from/cacheTokens].Mul(tensor.Mat(p[from:], 1, n), row, 0, false)
	}
	tensor.Softmax(p, p, scale)
	out := tensor.Mat(o, 1, len(o))
	for from := 0; from < seen; from += cacheTokens {
		n := min(cacheTokens, seen-from)
		c.values[group][from/cacheTokens].Mul(out, tensor.Mat(p[from:], 1, n), 0, from > 0)
	}
}
