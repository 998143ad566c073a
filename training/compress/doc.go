// Package compress makes updates and checkpoints small for thin lines, and
// reads them back strictly. An update is the flat vector of float32 in the
// order of the round's header; d is its length.
//
//	codec  bits per parameter   expectation       state on the node   source
//	none   32                   the update        –                   –
//	bf16   16                   rounded           –                   Google Brain's bfloat16
//	int8   8 + 32/256           the update        –                   Alistarh et al. 2017 (QSGD), in blocks
//	sign   1                    by feedback       residual            Karimireddy et al. 2019, Algorithm 1
//	topk   share·(32 + ~7)      by feedback       residual            Stich, Cordonnier, Jaggi 2018
//	mask   share·32             the update        –                   Konečný et al. 2016, Section 2
//
// int8 and mask are unbiased: the mean over seeds is the update, so errors of
// a cohort average out and a node needs no memory. sign and topk are not, and
// make good by error feedback: the node adds what it kept back to its next
// update. That works only for a node that returns within a few rounds, and it
// is state, so such a round cannot be replayed from its inputs alone.
//
// # Order of things
//
// Clip, then compress. Decoding can return a norm above the clip norm (mask
// multiplies by d/k, sign and topk send what earlier rounds kept back), so the
// server clips again what it decoded; it does not refuse it.
//
// # Who chooses the seed
//
// The server, and Decode insists on it. A node that chose its own could try
// seeds until the mask shows only the parameters that it wants to move, or
// until all roundings fall to one side.
//
// # Bytes
//
// An encoded update begins with a header of 36 bytes, little-endian:
//
//	 0  "ALTU"     magic
//	 4  uint8      version, 1
//	 5  uint8      codec
//	 6  uint16     share in thousandths (topk, mask; else 0)
//	 8  uint64     d, parameters
//	16  uint64     k, values that follow (d but for topk and mask)
//	24  uint64     seed (int8, mask; else 0)
//	32  float32    scale (sign; else 0)
//
// There is one legal encoding of what it holds: unused bits are zero, varints
// are minimal, lengths fit exactly. Encode and Decode use only operations that
// IEEE 754 rounds correctly, and integers, so both sides and any later
// verifier have the same bits on every processor.
//
// Delta and Apply are for the way down: a new checkpoint as its exact
// difference from one that the node holds.
package compress
