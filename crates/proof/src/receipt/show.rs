//! A receipt as text for people: every field, one line each, under its number.

use super::Receipt;
use std::fmt;

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show_who(f)?;
        self.show_sampler(f)?;
        self.show_output(f)
    }
}

impl Receipt {
    fn show_who(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, " 1    version             {}", super::VERSION)?;
        writeln!(f, " 3    job                 {}", self.job)?;
        writeln!(f, " 4.1  seq                 {}", self.place.seq)?;
        match self.place.prev {
            Some(prev) => writeln!(f, " 4.2  prev                {prev}")?,
            None => writeln!(f, " 4.2  prev                none")?,
        }
        writeln!(f, " 5.1  node key            {}", self.node)?;
        writeln!(f, " 6.1  manifest            {}", self.model.manifest)?;
        writeln!(f, " 6.2  program             {}", self.model.program)?;
        writeln!(f, " 6.3  tokenizer           {}", self.model.tokenizer)?;
        match self.model.template {
            Some(template) => writeln!(f, " 6.4  template            {template}")?,
            None => writeln!(f, " 6.4  template            none")?,
        }
        writeln!(f, " 6.5  profile             {}", self.model.profile)?;
        writeln!(f, " 7.1  engine spec         {}", self.engine.spec)?;
        writeln!(f, " 7.2  engine software     {}", self.engine.software)?;
        writeln!(f, " 8    request             {}", self.request)
    }

    fn show_sampler(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sampler = &self.sampler;
        writeln!(f, " 9.1  sampler rules       {}", sampler.rules)?;
        writeln!(f, " 9.2  temperature         {} / 1000000", sampler.temperature_micro)?;
        writeln!(f, " 9.3  top-k               {}", sampler.top_k)?;
        writeln!(f, " 9.4  top-p               {} / 1000000", sampler.top_p_micro)?;
        writeln!(f, " 9.5  min-p               {} / 1000000", sampler.min_p_micro)?;
        writeln!(f, " 9.6  repetition penalty  {} / 1000000", sampler.repetition_penalty_micro)?;
        writeln!(f, " 9.7  seed                {}", sampler.seed)
    }

    fn show_output(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "10.1  answer              {}", self.output.answer)?;
        writeln!(f, "10.2  prompt tokens       {}", self.output.prompt_tokens)?;
        writeln!(f, "10.3  answer tokens       {}", self.output.answer_tokens)?;
        writeln!(f, "10.4  finish              {}", self.output.finish.name())?;
        writeln!(f, "11    stream              {}", self.stream)?;
        writeln!(f, "12.1  trace commitment    {}", self.trace.commitment)?;
        writeln!(f, "12.2  trace steps         {}", self.trace.steps)?;
        writeln!(f, "12.3  trace operators     {}", self.trace.ops)?;
        writeln!(f, "13.1  mode                {}", self.mode.name())?;
        writeln!(f, "15.1  requested           {} ms", self.times.requested_ms)?;
        match self.times.first_ms {
            Some(first) => writeln!(f, "15.2  first token         {first} ms")?,
            None => writeln!(f, "15.2  first token         none")?,
        }
        writeln!(f, "15.3  done                {} ms", self.times.done_ms)?;
        writeln!(f, "21    kind                {}", self.kind.name())
    }
}
