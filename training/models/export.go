package models

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/althing/althing/training"
)

// Open opens a blob by its digest.
type Open func(training.Digest) (io.ReadCloser, error)

// Export writes a version as a zip file that holds the folder which Hugging
// Face's transformers load: config.json, model.safetensors, tokenizer.json,
// generation_config.json and the card as README.md. The weights pass through
// and are not held in memory. Equal versions give equal bytes: nothing is
// compressed and every file bears the date of publication.
func Export(w io.Writer, v Version, open Open) error {
	z := zip.NewWriter(w)
	generation, err := generationConfig(v.Config)
	if err != nil {
		return fmt.Errorf("export version %d: %w", v.ID, err)
	}
	for _, f := range []struct {
		name   string
		text   string
		digest training.Digest
	}{
		{name: "README.md", text: v.Card},
		{name: "config.json", text: v.Config},
		{name: "generation_config.json", text: generation},
		{name: "tokenizer.json", digest: v.Tokenizer},
		{name: "model.safetensors", digest: v.Weights},
	} {
		if err := exportFile(z, f.name, f.text, f.digest, v.PublishedAt, open); err != nil {
			return fmt.Errorf("export %s of version %d: %w", f.name, v.ID, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export version %d: %w", v.ID, err)
	}
	return nil
}

func exportFile(z *zip.Writer, name, text string, digest training.Digest, at time.Time, open Open) error {
	to, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: at.UTC().Truncate(2 * time.Second)})
	if err != nil {
		return err
	}
	if digest.IsZero() {
		_, err = io.WriteString(to, text)
		return err
	}
	from, err := open(digest)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}

// generationConfig repeats the token ids of config.json, the part of it that
// transformers reads from a file of its own.
func generationConfig(config string) (string, error) {
	var ids map[string]json.RawMessage
	if err := json.Unmarshal([]byte(config), &ids); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	var lines []string
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id"} {
		if value, ok := ids[key]; ok {
			lines = append(lines, fmt.Sprintf("  %q: %s", key, value))
		}
	}
	lines = append(lines, `  "do_sample": true`)
	return "{\n" + strings.Join(lines, ",\n") + "\n}\n", nil
}
