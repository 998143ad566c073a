package workers

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
)

// Each recipe has one form of an update; the door takes it and nothing else,
// whatever a stranger changes.
func TestOneFormOfAnUpdate(t *testing.T) {
	const elements, seed = 1000, 77
	plain, _ := file(t, tensors, random(3, elements))
	header := plain[:len(plain)-4*elements]
	encode := func(up protocol.Uplink, seed uint64) []byte {
		t.Helper()
		r := protocol.Recipe{Up: up}
		settings, err := codecOf(r, seed)
		if err != nil {
			t.Fatal(err)
		}
		var kept []float32
		if settings.Codec.Feedback() {
			kept = make([]float32, elements)
		}
		data, err := compress.Encode(random(3, elements), kept, settings)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, tt := range []struct {
		recipe protocol.Recipe
		good   []byte
	}{
		{protocol.Recipe{}, plain},
		{protocol.Recipe{Server: protocol.Server{Rule: protocol.Scaffold}}, append(slices.Clone(plain), plain...)},
		{protocol.Recipe{Up: protocol.Uplink{Codec: protocol.BF16}}, encode(protocol.Uplink{Codec: protocol.BF16}, seed)},
		{protocol.Recipe{Up: protocol.Uplink{Codec: protocol.Int8}}, encode(protocol.Uplink{Codec: protocol.Int8}, seed)},
		{protocol.Recipe{Up: protocol.Uplink{Codec: protocol.Sign}}, encode(protocol.Uplink{Codec: protocol.Sign}, seed)},
		{protocol.Recipe{Up: protocol.Uplink{Codec: protocol.TopK, Share: 100}}, encode(protocol.Uplink{Codec: protocol.TopK, Share: 100}, seed)},
		{protocol.Recipe{Up: protocol.Uplink{Codec: protocol.Mask, Share: 100}}, encode(protocol.Uplink{Codec: protocol.Mask, Share: 100}, seed)},
	} {
		name := tt.recipe.Up.Name() + " " + tt.recipe.Server.Name()
		tt.recipe.UpdateNorm = "0"
		slot := rounds.Slot{Recipe: tt.recipe, Seed: seed}
		least, most, err := Uploads{}.Bounds(slot, header, elements)
		if err != nil || int64(len(tt.good)) < least || int64(len(tt.good)) > most {
			t.Errorf("%s: %d bytes, bounds %d to %d, %v", name, len(tt.good), least, most, err)
		}
		if got, err := (Uploads{}).Check(slot, header, elements, bytes.NewReader(tt.good)); err != nil || got != training.DigestOf(tt.good) {
			t.Errorf("%s: Check() = %s, %v, want its digest", name, got, err)
		}
		beyond := slices.Clone(tt.good)
		if tt.recipe.Up.Codec == "" || tt.recipe.Up.Codec == protocol.Mask {
			binary.LittleEndian.PutUint32(beyond[len(beyond)-4:], math.Float32bits(float32(math.NaN())))
		} else {
			beyond[0] ^= 1
		}
		for what, bad := range map[string][]byte{
			"short": tt.good[:len(tt.good)-1], "long": append(slices.Clone(tt.good), 0), "empty": nil, "not finite, or not its magic": beyond,
			"another codec": encode(protocol.Uplink{Codec: map[bool]string{true: protocol.BF16, false: protocol.Int8}[tt.recipe.Up.Codec == protocol.Int8]}, seed)[:30],
		} {
			if _, err := (Uploads{}).Check(slot, header, elements, bytes.NewReader(bad)); !governance.Is(err, governance.Invalid) {
				t.Errorf("%s, %s: Check() = %v, want invalid", name, what, err)
			}
		}
		if tt.recipe.Up.Codec == protocol.Int8 || tt.recipe.Up.Codec == protocol.Mask {
			if _, err := (Uploads{}).Check(slot, header, elements, bytes.NewReader(encode(tt.recipe.Up, seed+1))); !governance.Is(err, governance.Invalid) {
				t.Errorf("%s with a seed of the node's own: Check() = %v, want invalid", name, err)
			}
		}
	}
	limited := rounds.Slot{Recipe: protocol.Recipe{UpdateNorm: "0.001"}}
	if _, err := (Uploads{}).Check(limited, header, elements, bytes.NewReader(plain)); !governance.Is(err, governance.Invalid) {
		t.Errorf("an update longer than the recipe's norm: %v, want invalid", err)
	}
	if n := safetensors.Elements(tensors); n != elements {
		t.Fatalf("the model of this test has %d parameters", n)
	}
}
