package recipes

// title is how a rule is called in sentences.
func title(key string) string {
	for _, t := range Glossary() {
		if t.Key == key {
			return t.Name
		}
	}
	return key
}
