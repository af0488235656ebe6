"""Downloads of Wikidata5m: resumed, checked, unpacked safely."""
