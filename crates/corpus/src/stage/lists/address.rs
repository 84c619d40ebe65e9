//! A URL, as block lists look at it.
//!
//! Invariant: any text is a URL with some host, maybe an empty one; nothing here fails.

/// A URL in lower case.
pub struct Address {
    url: String,
    host: std::ops::Range<usize>,
}

impl Address {
    /// Finds the host of `url`: after `//` and any user name, before a port or path.
    pub fn of(url: &str) -> Address {
        let url = url.to_lowercase();
        let start = url.find("//").map_or(0, |at| at + 2);
        let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
        let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let end = url[start..end].rfind(':').map_or(end, |at| start + at);
        let host = start..start + url[start..end].trim_end_matches('.').len();
        Address { url, host }
    }

    /// The host, and every domain that it is below of.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let host = &self.url[self.host.clone()];
        let above = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
        std::iter::once(host).chain(above)
    }

    /// The distinct words, in ascending order.
    pub fn words(&self) -> Vec<&str> {
        let words = self.url.split(|c: char| !c.is_ascii_alphanumeric());
        let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The letters and digits alone.
    pub fn joined(&self) -> String {
        super::file::joined(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_between_what_stands_around_it() {
        for url in [
            "https://a.Example.com/x?y@z:1",
            "http://user:secret@a.example.com:8080",
            "//a.example.com./",
            "a.example.com#top",
        ] {
            let address = Address::of(url);
            let domains: Vec<&str> = address.domains().collect();
            assert_eq!(domains, ["a.example.com", "example.com", "com"], "{url}");
        }
        assert_eq!(Address::of("").domains().collect::<Vec<&str>>(), [""]);
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let address = Address::of("http://x.org/Free-stuff/free_2");
        assert_eq!(address.words(), ["2", "free", "http", "org", "stuff", "x"]);
        assert_eq!(address.joined(), "httpxorgfreestufffree2");
    }
}
