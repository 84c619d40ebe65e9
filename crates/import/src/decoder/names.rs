//! What tensors are called, by role.
//!
//! Invariant: a role has exactly one name in each naming, so a tensor that no role claims is one
//! that we do not understand.

/// Which names a file uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of GGUF files.
    Ggml,
    /// Those of model hubs.
    Hub,
    /// Those of model hubs for networks with norms after attention and gate, which give the name
    /// `post_attention_layernorm` another meaning.
    HubNormsAfter,
}

/// What a matrix or vector is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// One row per token.
    Embed,
    /// Gains before the output matrix.
    FinalNorm,
    /// Logits from the last row.
    Output,
    /// Divisors of the rotary frequencies.
    RopeFactors,
    /// Gains before attention.
    AttentionNorm,
    /// Queries.
    Query,
    /// Keys.
    Key,
    /// Values.
    Value,
    /// Gains of each query head.
    QueryNorm,
    /// Gains of each key head.
    KeyNorm,
    /// From heads back to the residual row.
    AttentionOut,
    /// Gains after attention.
    AttentionNormAfter,
    /// Gains before the gate.
    GateNorm,
    /// Into the activation.
    Gate,
    /// Times the activation.
    Up,
    /// Back to the residual row.
    Down,
    /// Gains after the gate.
    GateNormAfter,
}

impl Names {
    /// The name without its ending; `block` counts only for roles inside blocks.
    pub(crate) fn stem(self, role: Role, block: usize) -> String {
        let (ggml, hub, inside) = match role {
            Role::Embed => ("token_embd", "model.embed_tokens", false),
            Role::FinalNorm => ("output_norm", "model.norm", false),
            Role::Output => ("output", "lm_head", false),
            Role::RopeFactors => ("rope_freqs", "", false),
            Role::AttentionNorm => ("attn_norm", "input_layernorm", true),
            Role::Query => ("attn_q", "self_attn.q_proj", true),
            Role::Key => ("attn_k", "self_attn.k_proj", true),
            Role::Value => ("attn_v", "self_attn.v_proj", true),
            Role::QueryNorm => ("attn_q_norm", "self_attn.q_norm", true),
            Role::KeyNorm => ("attn_k_norm", "self_attn.k_norm", true),
            Role::AttentionOut => ("attn_output", "self_attn.o_proj", true),
            Role::AttentionNormAfter => ("post_attention_norm", "post_attention_layernorm", true),
            Role::GateNorm if self == Names::HubNormsAfter => {
                ("", "pre_feedforward_layernorm", true)
            }
            Role::GateNorm => ("ffn_norm", "post_attention_layernorm", true),
            Role::Gate => ("ffn_gate", "mlp.gate_proj", true),
            Role::Up => ("ffn_up", "mlp.up_proj", true),
            Role::Down => ("ffn_down", "mlp.down_proj", true),
            Role::GateNormAfter => ("post_ffw_norm", "post_feedforward_layernorm", true),
        };
        match (self, inside) {
            (Names::Ggml, false) => ggml.into(),
            (Names::Ggml, true) => format!("blk.{block}.{ggml}"),
            (Names::Hub | Names::HubNormsAfter, false) => hub.into(),
            (Names::Hub | Names::HubNormsAfter, true) => format!("model.layers.{block}.{hub}"),
        }
    }

    /// The name of the matrix or gains of a role.
    pub(crate) fn weight(self, role: Role, block: usize) -> String {
        self.stem(role, block) + ".weight"
    }

    /// The name of the bias of a role.
    pub(crate) fn bias(self, role: Role, block: usize) -> String {
        self.stem(role, block) + ".bias"
    }
}
